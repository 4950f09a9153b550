// Draws the trend from the data in the page. The same numbers stand in the table below it.
(function () {
  var place = document.getElementById("trend-chart");
  if (!place) return;
  var data = JSON.parse(document.getElementById("trend-data").textContent);
  var font = getComputedStyle(document.body).fontFamily;
  var chart = echarts.init(place, null, { renderer: "svg" });
  function draw() {
    var narrow = place.clientWidth < 520;
    chart.setOption({
      animation: false,
      textStyle: { fontFamily: font, fontSize: 13 },
      color: ["#1f4e79", "#7fa7c9", "#b3541e"],
      legend: { top: 0, itemGap: narrow ? 12 : 24, textStyle: { fontSize: 13 } },
      grid: { left: 8, right: 8, top: 58, bottom: 4, containLabel: true },
      tooltip: { trigger: "axis", confine: true },
      xAxis: { type: "category", data: data.labels, axisTick: { alignWithLabel: true }, axisLabel: { hideOverlap: true, rotate: narrow ? 60 : 0, fontSize: narrow ? 11 : 12 } },
      yAxis: { type: "value", name: "件", minInterval: 1, nameTextStyle: { align: "right" } },
      series: [
        { name: data.names[0], type: "bar", barMaxWidth: 26, data: data.series[0] },
        { name: data.names[1], type: "bar", barMaxWidth: 26, data: data.series[1], itemStyle: { decal: { symbol: "rect", dashArrayX: [1, 0], dashArrayY: [2, 4], rotation: -0.785, color: "rgba(0,0,0,.22)" } } },
        { name: data.names[2], type: "line", symbol: "circle", symbolSize: 7, lineStyle: { width: 2.5 }, data: data.series[2] }
      ]
    }, true);
  }
  draw();
  window.addEventListener("resize", function () { chart.resize(); draw(); });
  // Paper has no button to open what is folded, and another width.
  window.addEventListener("beforeprint", function () {
    document.querySelectorAll("details").forEach(function (one) { one.open = true; });
    chart.resize({ width: 640, height: 300 });
    chart.setOption({ xAxis: { axisLabel: { fontSize: 10, rotate: 0 } } });
    chart.getZr().flush();
  });
  window.addEventListener("afterprint", function () { chart.resize({ width: "auto", height: "auto" }); draw(); });
})();
