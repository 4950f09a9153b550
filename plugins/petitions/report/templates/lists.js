// Opens the tickets behind a figure: unpacks the list that the page carries, and picks the rows that the figure counts.
(function () {
  var dialog = document.getElementById("behind");
  if (!window.DecompressionStream || !dialog || !dialog.showModal) return; // the links lead to the files
  var AT_ONCE = 200;
  var SECONDS = /^(\d{4}-\d\d-\d\d \d\d:\d\d):\d\d$/; // of no interest on a page
  var picks = JSON.parse(document.getElementById("picks").textContent);
  var unpacked = {};
  var held = { rows: [], list: null, shown: 0, unlisted: 0 };

  function unpack(name) {
    if (!unpacked[name]) {
      var bytes = Uint8Array.from(atob(document.getElementById("packed-" + name).textContent), function (one) { return one.charCodeAt(0); });
      var stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
      unpacked[name] = new Response(stream).json();
    }
    return unpacked[name];
  }
  function value(list, column, row) {
    var told = list.columns[column];
    return told.values[told.rows ? told.rows[row] : row];
  }
  function pick(list, where) {
    var marks = [], tests = [];
    Object.keys(where).forEach(function (column) {
      var bit = list.marks.indexOf(column);
      if (bit >= 0) { marks.push(Math.pow(2, bit)); return; }
      tests.push([list.columns[column], list.columns[column].values.indexOf(where[column])]);
    });
    var rows = [];
    for (var row = 0; row < list.counted.length; row += 1) {
      var fits = marks.every(function (mark) { return Math.floor(list.counted[row] / mark) % 2 === 1; }) &&
        tests.every(function (test) { return (test[0].rows ? test[0].rows[row] : row) === test[1]; });
      if (fits) rows.push(row);
    }
    return rows;
  }
  function element(tag, content, parent) {
    var made = document.createElement(tag);
    made.textContent = content;
    parent.appendChild(made);
    return made;
  }
  function more() {
    var body = dialog.querySelector("tbody");
    var until = Math.min(held.shown + AT_ONCE, held.rows.length);
    for (; held.shown < until; held.shown += 1) {
      var line = element("tr", "", body);
      held.list.shown.forEach(function (column) { element("td", value(held.list, column, held.rows[held.shown]).replace(SECONDS, "$1"), line).dataset.label = column; });
    }
    if (held.shown === held.rows.length) {
      for (; held.unlisted > 0; held.unlisted -= 1) {
        var cell = element("td", "保密件（不列编号与内容）", element("tr", "", body));
        cell.colSpan = held.list.shown.length;
      }
    }
    dialog.querySelector("[data-more]").hidden = held.shown === held.rows.length;
    dialog.querySelector("[data-more]").textContent = "再列 " + Math.min(AT_ONCE, held.rows.length - held.shown) + " 件（共 " + held.rows.length + " 件）";
  }
  function show(told, figure) {
    var others = Object.keys(told[1]).filter(function (column) { return column !== told[3]; });
    var names = others.map(function (column) { return told[1][column] || "未注明"; });
    dialog.querySelector("h2").textContent = names.concat([told[3]]).join(" · ") + "（" + figure + "件）";
    dialog.querySelector("[data-file]").href = "tickets/" + told[0] + ".csv";
    dialog.querySelector("thead tr").textContent = "";
    dialog.querySelector("tbody").textContent = "";
    dialog.querySelector("[data-more]").hidden = true;
    dialog.showModal();
    unpack(told[0]).then(function (list) {
      held = { rows: pick(list, told[1]), list: list, shown: 0, unlisted: told[2] };
      list.shown.forEach(function (column) { element("th", column, dialog.querySelector("thead tr")).scope = "col"; });
      dialog.querySelector(".scroll").scrollTop = 0;
      more();
    });
  }
  function save() {
    var quoted = function (told) { return '"' + (/^[=+\-@\t\r]/.test(told) ? "'" : "") + told.replace(/"/g, '""') + '"'; };
    var lines = [held.list.shown.map(quoted).join(",")].concat(held.rows.map(function (row) {
      return held.list.shown.map(function (column) { return quoted(value(held.list, column, row)); }).join(",");
    }));
    var link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob(["\ufeff" + lines.join("\r\n") + "\r\n"], { type: "text/csv" }));
    link.download = dialog.querySelector("h2").textContent + ".csv";
    link.click();
    URL.revokeObjectURL(link.href);
  }
  document.addEventListener("click", function (event) {
    var link = event.target.closest && event.target.closest("a[data-figure]");
    var told = link && picks[link.dataset.figure];
    if (!told || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    show(told, link.textContent.trim());
  });
  dialog.querySelector("[data-more]").addEventListener("click", more);
  dialog.querySelector("[data-save]").addEventListener("click", save);
  dialog.querySelector("[data-close]").addEventListener("click", function () { dialog.close(); });
  dialog.addEventListener("click", function (event) { if (event.target === dialog) dialog.close(); });
})();
