// Draws the charts from the data in the page. The same numbers stand in the table below each.
(function () {
  var font = getComputedStyle(document.body).fontFamily;
  var colours = ["#1f4e79", "#7fa7c9", "#b3541e"];
  var drawn = [];

  function options(data, width) {
    var narrow = width < 520;
    var names = { type: "category", data: data.categories, axisTick: { alignWithLabel: true }, axisLabel: { hideOverlap: true, rotate: narrow ? 60 : 0, fontSize: narrow ? 11 : 12 } };
    var values = { type: "value", name: data.unit, minInterval: 1, nameTextStyle: { align: "right" } };
    return {
      animation: false,
      textStyle: { fontFamily: font, fontSize: 13 },
      color: colours,
      legend: { top: 0, itemGap: narrow ? 12 : 24, textStyle: { fontSize: 13 } },
      grid: { left: 8, right: 8, top: 58, bottom: 4, containLabel: true },
      tooltip: { trigger: "axis", confine: true },
      xAxis: names,
      yAxis: values,
      series: data.series.map(function (one, place) {
        if (one.form === "line") return { name: one.name, type: "line", symbol: "circle", symbolSize: 7, lineStyle: { width: 2.5 }, data: one.values };
        var decal = place % 2 ? { symbol: "rect", dashArrayX: [1, 0], dashArrayY: [2, 4], rotation: -0.785, color: "rgba(0,0,0,.22)" } : null;
        return { name: one.name, type: "bar", barMaxWidth: 26, data: one.values, itemStyle: { decal: decal } };
      })
    };
  }

  document.querySelectorAll("script[data-chart]").forEach(function (told) {
    var place = document.getElementById(told.dataset.chart);
    drawn.push({ place: place, data: JSON.parse(told.textContent), chart: echarts.init(place, null, { renderer: "svg" }) });
  });
  function draw() {
    drawn.forEach(function (one) { one.chart.resize({ width: "auto", height: "auto" }); one.chart.setOption(options(one.data, one.place.clientWidth), true); });
  }
  draw();
  window.addEventListener("resize", draw);
  // Paper has no button to open what is folded, and another width.
  window.addEventListener("beforeprint", function () {
    document.querySelectorAll("details").forEach(function (one) { one.open = true; });
    drawn.forEach(function (one) {
      one.chart.resize({ width: 640, height: 300 });
      one.chart.setOption({ xAxis: { axisLabel: { fontSize: 10, rotate: 0 } } });
      one.chart.getZr().flush();
    });
  });
  window.addEventListener("afterprint", draw);
})();
