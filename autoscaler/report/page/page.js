"use strict";
// Everything is drawn without this script. It adds: what was at a moment (hover, touch, keys), and zooming into time.
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const { edges, columns, turns, reasons } = data;
  const length = edges[edges.length - 1];
  const root = document.documentElement;
  const tip = document.getElementById("tip");
  const plots = [...document.querySelectorAll(".plot")];
  const marks = [...document.querySelectorAll(".turns i")];
  const NEAR_PX = { mouse: 8, pen: 12, touch: 22 };
  const LABELS = [
    ["viewers", "viewers"], ["publishers", "publishers"], ["rejected", "rejected"], ["cut", "cut"],
    ["serving", "in service"], ["draining", "draining"], ["coming", "coming"], ["desired", "desired"],
  ];
  const ALWAYS = ["serving", "desired"], BRIEF = ["rejected", "cut", "draining"];
  const view = { from: 0, zoom: 1 };
  let at = 0;
  let turn = -1;

  const inWords = (seconds) => {
    let rest = Math.round(seconds);
    const words = [];
    for (const [size, unit] of [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"]]) {
      const amount = Math.floor(rest / size);
      rest -= amount * size;
      if (amount) words.push(`${amount} ${unit}`);
    }
    return words.join(" ") || "0";
  };
  const clamp = (value, low, high) => Math.min(Math.max(value, low), high);
  const make = (tag, className, text) => {
    const element = document.createElement(tag);
    if (className) element.className = className;
    if (text !== undefined) element.textContent = text;  // text only: reasons may hold anything
    return element;
  };
  const before = (seconds) => {  // the point that the moment lies in
    let low = 0, high = edges.length - 2;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (edges[middle] <= seconds) low = middle; else high = middle - 1;
    }
    return Math.max(low, 0);
  };

  // -- what was at a moment
  const widthOf = (plot) => plot.getBoundingClientRect().width;
  const timeAt = (plot, x) => {
    const box = plot.getBoundingClientRect();
    return clamp(view.from + (x - box.left) / box.width / view.zoom, 0, 1) * length;
  };
  const turnsWithin = (seconds, pixels, plot) => {  // those near to it, the nearest first
    const reach = pixels / widthOf(plot) / view.zoom * length;
    const found = [];
    turns.forEach(([when], number) => { if (Math.abs(when - seconds) <= reach) found.push(number); });
    return found.sort((a, b) => Math.abs(turns[a][0] - seconds) - Math.abs(turns[b][0] - seconds));
  };
  const decision = (number, others) => {
    const [, had, wants, why] = turns[number];
    const box = make("div", "decision");
    box.append(make("strong", "", `${wants > had ? "▲" : "▼"} ${had} → ${wants} ${wants === 1 ? "node" : "nodes"}`));
    for (const reason of why) {
      const line = make("p");
      line.append(make("code", "", reasons[reason][0]), ` ${reasons[reason][1]}`);
      box.append(line);
    }
    if (others) box.append(make("p", "soft", `and ${others} more here: zoom in`));
    return box;
  };
  const numbers = (seconds) => {
    const list = make("dl");
    const reach = length / view.zoom / widthOf(plots[0]);  // a pixel: what is brief is drawn no narrower
    for (const [key, label] of LABELS) {
      const near = BRIEF.includes(key) ? reach : 0;
      const value = Math.max(...columns[key].slice(before(seconds - near), before(seconds + near) + 1));
      const ever = columns[key].length && (ALWAYS.includes(key) || columns[key].some(Boolean));
      if (ever) list.append(make("i", `swatch ${key}`), make("dt", "", label), make("dd", "", value.toLocaleString("en")));
    }
    return list;
  };
  const NARROW_PX = 640;
  const show = (seconds, found, x, y, byFinger) => {
    if (!columns.viewers.length) return;
    turn = found.length ? found[0] : -1;
    at = turn < 0 ? seconds : turns[turn][0];
    root.style.setProperty("--cursor", at / length);
    document.querySelectorAll(".cursor").forEach((cursor) => { cursor.hidden = false; });
    marks.forEach((mark, number) => mark.classList.toggle("on", number === turn));
    const body = make("div", "body");
    body.append(make("p", "moment", inWords(turn < 0 ? edges[before(at)] : at)), numbers(at));
    if (turn >= 0) body.append(decision(turn, found.length - 1));
    tip.querySelector(".body").replaceWith(body);
    const sheet = byFinger || innerWidth <= NARROW_PX;
    tip.hidden = false;
    tip.classList.toggle("sheet", sheet);
    document.body.classList.toggle("told", sheet);
    const room = tip.getBoundingClientRect();
    tip.style.left = `${x + 16 + room.width > innerWidth - 8 ? Math.max(8, x - 16 - room.width) : x + 16}px`;
    tip.style.top = `${clamp(y + 16, 8, Math.max(8, innerHeight - room.height - 8))}px`;
  };
  const hide = () => {
    tip.hidden = true;
    document.body.classList.remove("told");
    document.querySelectorAll(".cursor").forEach((cursor) => { cursor.hidden = true; });
    marks.forEach((mark) => mark.classList.remove("on"));
  };
  const point = (plot, event) => {
    const seconds = timeAt(plot, event.clientX);
    const found = turnsWithin(seconds, NEAR_PX[event.pointerType] || 8, plot);
    show(seconds, found, event.clientX, event.clientY, event.pointerType === "touch");
  };

  // -- zoom
  const PACES = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800, 432000,
    604800, 1209600, 2419200, 4838400, 9676800, 19353600, 38707200];
  const CHARACTER_PX = 6.5;
  const drawTimes = () => {
    const from = view.from * length, span = length / view.zoom;
    document.querySelectorAll(".times").forEach((axis) => {
      const width = widthOf(axis);
      const times = (pace) => {
        const found = [];
        for (let when = Math.ceil(from / pace) * pace; when <= from + span * 0.97; when += pace) found.push(when);
        return found;
      };
      const fits = (pace) => span / pace <= 12
        && times(pace).reduce((sum, when) => sum + inWords(when).length * CHARACTER_PX + 22, 0) <= width;
      const labels = times(PACES.find(fits) || PACES[PACES.length - 1]).map((when) => {
        const label = make("span", when - from < span * 0.03 ? "first" : "", inWords(when));
        label.style.setProperty("--at", `${100 * (when - from) / span}%`);
        return label;
      });
      axis.replaceChildren(...labels);
    });
  };
  const look = (from, zoom) => {
    view.zoom = clamp(zoom, 1, Math.max(1, length / (edges[1] - edges[0]) / 10));
    view.from = clamp(from, 0, 1 - 1 / view.zoom);
    root.style.setProperty("--from", view.from);
    root.style.setProperty("--zoom", view.zoom);
    const whole = view.zoom === 1;
    const ends = [view.from * length, (view.from + 1 / view.zoom) * length];
    document.querySelector(".shown").textContent = whole ? "Whole trace" : ends.map(inWords).join(" to ");
    document.querySelectorAll("[data-zoom]").forEach((button) => {
      button.disabled = whole && button.dataset.zoom !== "in";
    });
    drawTimes();
  };
  const around = (factor) => {  // the cursor stays where it is, if it is to be seen
    const seen = !tip.hidden && at / length >= view.from && at / length <= view.from + 1 / view.zoom;
    const middle = seen ? at / length : view.from + 0.5 / view.zoom;
    look(middle - (middle - view.from) / factor, view.zoom * factor);
  };
  const moves = {
    in: () => around(2), out: () => around(0.5), all: () => look(0, 1),
    earlier: () => look(view.from - 0.5 / view.zoom, view.zoom), later: () => look(view.from + 0.5 / view.zoom, view.zoom),
  };
  document.querySelectorAll("[data-zoom]").forEach((button) => button.addEventListener("click", () => moves[button.dataset.zoom]()));

  // -- pointers and keys
  const DRAG_PX = 8;
  plots.forEach((plot) => {
    const picked = plot.querySelector(".picked");
    let began = null;
    const dragged = (event) => began !== null && Math.abs(event.clientX - began) > DRAG_PX;
    plot.addEventListener("pointerdown", (event) => {
      if (event.pointerType === "mouse" && event.button === 0) {
        began = event.clientX;
        plot.setPointerCapture(event.pointerId);
      }
      point(plot, event);
    });
    plot.addEventListener("pointermove", (event) => {
      point(plot, event);
      picked.hidden = !dragged(event);
      if (picked.hidden) return;
      const box = plot.getBoundingClientRect();
      const [left, right] = [began, event.clientX].map((x) => clamp(x, box.left, box.right) - box.left).sort((a, b) => a - b);
      picked.style.left = `${left}px`;
      picked.style.width = `${right - left}px`;
    });
    const end = (event) => {
      if (event.type === "pointerup" && dragged(event)) {
        const [from, to] = [began, event.clientX].map((x) => timeAt(plot, x) / length).sort((a, b) => a - b);
        look(from, 1 / (to - from));
        hide();
      }
      began = null;
      picked.hidden = true;
    };
    plot.addEventListener("pointerup", end);
    plot.addEventListener("pointercancel", end);
    plot.addEventListener("pointerleave", (event) => { if (event.pointerType === "mouse") hide(); });
    plot.addEventListener("dblclick", moves.all);

    const name = plot.getAttribute("aria-label");
    plot.tabIndex = 0;
    plot.setAttribute("role", "slider");
    plot.setAttribute("aria-valuemin", 0);
    plot.setAttribute("aria-valuemax", Math.round(length));
    const tell = () => {
      plot.setAttribute("aria-valuenow", Math.round(at));
      plot.setAttribute("aria-valuetext", `At ${inWords(at)}`);
    };
    tell();
    plot.setAttribute("aria-label", `${name} Left and right move in time${plot.querySelector(".turns") ? ", from decision to decision" : ""}.`);
    const step = (way) => {
      const box = plot.getBoundingClientRect();
      const decided = plot.querySelector(".turns") && turns.length;
      const next = way > 0 ? turns.findIndex(([when]) => when > at) : turns.findLastIndex(([when]) => when < at);
      const chosen = next >= 0 ? next : way > 0 ? turns.length - 1 : 0;
      const seconds = decided ? turns[chosen][0] : clamp(at + way * length / view.zoom / 100, 0, length);
      if (seconds / length < view.from || seconds / length > view.from + 1 / view.zoom) look(seconds / length - 0.5 / view.zoom, view.zoom);
      show(seconds, decided ? [chosen] : turnsWithin(seconds, 1, plot), box.left + (seconds / length - view.from) * view.zoom * box.width, box.bottom);
      tell();
    };
    plot.addEventListener("keydown", (event) => {
      const keys = { ArrowRight: () => step(1), ArrowLeft: () => step(-1), "+": moves.in, "-": moves.out };
      if (!keys[event.key] || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      keys[event.key]();
    });
    plot.addEventListener("blur", (event) => { if (!event.relatedTarget?.closest(".zoom, #tip")) hide(); });
  });
  document.addEventListener("keydown", (event) => { if (event.key === "Escape") hide(); });
  document.addEventListener("pointerdown", (event) => { if (!event.target.closest(".plot, #tip, .zoom")) hide(); });
  tip.querySelector(".close").addEventListener("click", hide);
  addEventListener("resize", drawTimes);

  document.querySelector(".zoom").hidden = !columns.viewers.length;
  look(0, 1);
})();
