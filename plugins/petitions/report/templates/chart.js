// Draws the charts from the data in the page. The same numbers stand in the table below each.
(function () {
  // Told apart by lightness as well, so that they stay apart for colour-blind readers and on grey paper.
  var colours = { "受理量": "#7fa7c9", "办结": "#1f4e79", "办结（当期）": "#1f4e79", "未办结": "#e0a458", "期末未办结": "#b3541e" };
  var spare = ["#1f4e79", "#e0a458", "#7fa7c9", "#b3541e"];
  var font = getComputedStyle(document.body).fontFamily;
  var drawn = [];

  function options(data, width, paper) {
    var lying = data.form === "bar";
    var narrow = width < 520;
    var small = narrow || paper;
    var percent = data.unit === "%";
    var labelWidth = Math.round(width * (narrow ? 0.36 : 0.28));
    var names = {
      type: "category", data: data.categories, inverse: lying, axisTick: { show: false },
      axisLabel: lying
        ? { interval: 0, width: labelWidth, overflow: "truncate", fontSize: small ? 11 : 13, color: "#1f2328" }
        : { hideOverlap: true, rotate: narrow && data.categories.length > 6 ? 50 : 0, interval: data.categories.length > 14 ? "auto" : 0, fontSize: small ? 10 : 12, color: "#1f2328" }
    };
    var values = {
      type: "value", name: lying ? "" : data.unit, minInterval: percent ? 0 : 1, nameTextStyle: { align: "right" }, splitNumber: narrow ? 3 : 5,
      axisLabel: { fontSize: small ? 10 : 12, formatter: percent ? "{value} %" : "{value}", hideOverlap: true }, splitLine: { lineStyle: { color: "#e4e8ec" } }
    };
    if (percent) values.max = 100;
    var several = data.series.length > 1;
    return {
      animation: false,
      aria: { enabled: true },
      textStyle: { fontFamily: font, fontSize: 13 },
      legend: { show: several, top: 0, itemGap: narrow ? 12 : 24, textStyle: { fontSize: 13 } },
      grid: { left: 4, right: lying ? (percent ? 66 : 46) : 10, top: several ? (lying ? 34 : 58) : (lying ? 6 : 34), bottom: 4, containLabel: true },
      tooltip: { trigger: "axis", confine: true, axisPointer: { type: "shadow" }, valueFormatter: function (value) { return value === null || value === undefined ? "—" : percent ? value.toFixed(2) + " %" : value + " " + data.unit; } },
      xAxis: lying ? values : names,
      yAxis: lying ? names : values,
      series: data.series.map(function (one, place) {
        var colour = colours[one.name] || spare[place % spare.length];
        if (one.form === "line") return { name: one.name, type: "line", symbol: "circle", symbolSize: 7, color: colour, lineStyle: { width: 2.5 }, data: one.values };
        var last = place === data.series.length - 1;
        return {
          name: one.name, type: "bar", stack: one.stack, color: colour, barMaxWidth: lying ? 18 : 26, data: one.values,
          label: lying && last ? { show: true, position: "right", fontSize: small ? 10 : 12, color: "#1f2328", formatter: function (at) {
            if (percent) return at.value === null ? "—" : at.value.toFixed(2) + " %";
            return data.series.reduce(function (sum, other) { return sum + (other.values[at.dataIndex] || 0); }, 0);
          } } : { show: !lying && !several, position: "top", fontSize: small ? 10 : 12, color: "#1f2328" }
        };
      })
    };
  }

  document.querySelectorAll("script[data-chart]").forEach(function (told) {
    var place = document.getElementById(told.dataset.chart);
    var data = JSON.parse(told.textContent);
    var height = data.form === "bar" ? data.categories.length * 28 + (data.series.length > 1 ? 70 : 40) : 320;
    place.style.height = height + "px";
    drawn.push({ place: place, data: data, height: height, chart: echarts.init(place, null, { renderer: "svg" }) });
  });
  function draw() {
    drawn.forEach(function (one) { one.chart.resize({ width: "auto", height: "auto" }); one.chart.setOption(options(one.data, one.place.clientWidth, false), true); });
  }
  draw();
  window.addEventListener("resize", draw);
  // Paper has no button to open what is folded, and another width.
  window.addEventListener("beforeprint", function () {
    document.querySelectorAll("details").forEach(function (one) { one.open = true; });
    drawn.forEach(function (one) {
      one.chart.resize({ width: 640, height: Math.min(one.height, 880) });
      one.chart.setOption(options(one.data, 640, true), true);
      one.chart.getZr().flush();
    });
  });
  window.addEventListener("afterprint", draw);
})();
