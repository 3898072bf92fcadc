/*
 * The operator's cockpit of a waiting room: arrivals, depth, admission, stock,
 * and the controls.
 *
 *     cockpit.html?room=premiere
 */

import { h, toast } from "./dom.js";
import { Room } from "./room.js";

const EVERY_MS = 1000;
const KEPT = 120;

const query = new URLSearchParams(location.search);
const room = new Room(query.get("room") || "premiere");
const main = document.getElementById("main");
const history = [];
const figures = new Map();
const charts = new Map();
let last = null;


function figure(name, title) {
    const value = h("dd", { id: `figure-${name}` }, "-");

    figures.set(name, value);

    return h("div", {}, h("dt", {}, title), value);
}


function chart(name, title) {
    const ns = "http://www.w3.org/2000/svg";
    const svg = document.createElementNS(ns, "svg");
    const line = document.createElementNS(ns, "polyline");
    const text = h("figcaption", { class: "muted" }, title);

    svg.setAttribute("class", "chart");
    svg.setAttribute("viewBox", `0 0 ${KEPT} 100`);
    svg.setAttribute("preserveAspectRatio", "none");
    svg.setAttribute("role", "img");
    svg.setAttribute("aria-label", title);
    svg.append(line);
    charts.set(name, { line, text, title });

    return h("figure", {}, text, svg);
}


function draw() {
    for (const [name, { line, text, title }] of charts) {
        const values = history.map((now) => now[name]);
        const most = Math.max(1, ...values);

        line.setAttribute("points", values.map((value, i) =>
            `${KEPT - values.length + i},${100 - 95 * value / most}`)
            .join(" "));
        text.textContent = `${title}: ${values.at(-1)?.toLocaleString() ?? "-"}`
            + ` (at most ${most.toLocaleString()})`;
    }
}


function tell(now) {
    const seconds = last ? (now.at - last.at) / 1000 : 1;

    now.perSecond = last
        ? Math.max(0, Math.round((now.admitted - last.admitted) / seconds)) : 0;
    now.seats = now.stock ?? 0;
    last = now;
    history.push(now);
    history.splice(0, history.length - KEPT);

    figures.get("phase").textContent = now.soldOut ? "SOLD OUT" : now.phase;
    figures.get("waiting").textContent = now.waiting.toLocaleString();
    figures.get("inside").textContent = now.inside.toLocaleString();
    figures.get("admitted").textContent = now.admitted.toLocaleString();
    figures.get("skipped").textContent = now.skipped.toLocaleString();
    figures.get("rate").textContent = `${now.rate}/s`;
    figures.get("pace").textContent = `${Math.round(now.pace * 100)} %`;
    figures.get("stock").textContent = now.stock === null
        ? "any" : `${now.stock.toLocaleString()} people`;
    figures.get("nodes").textContent = now.nodes;
    draw();
}


async function look() {
    try {
        const now = await room.look();

        now.at = Date.now();
        tell(now);

    } catch (error) {
        figures.get("phase").textContent = error.code || "no answer";
    }

    window.setTimeout(look, EVERY_MS);
}


function field(name, title, control) {
    control.name = name;
    control.id = `control-${name}`;

    return h("div", {}, h("label", { htmlFor: control.id }, title), control);
}


/* Only what was filled in is changed. */
function wanted(form) {
    const what = {};
    const data = new FormData(form);

    for (const name of ["phase", "showId", "message"]) {
        if (data.get(name)) {
            what[name] = data.get(name);
        }
    }

    for (const name of ["rate", "capacity"]) {
        if (data.get(name)) {
            what[name] = Number(data.get(name));
        }
    }

    if (data.get("opensAt")) {
        what.opensAt = new Date(data.get("opensAt")).toISOString();
    }

    return what;
}


async function change(event) {
    const form = event.currentTarget;

    event.preventDefault();

    try {
        await room.change(wanted(form));
        toast("Done: all nodes know within a second.");
        form.reset();

    } catch (error) {
        toast(`${error.message || "No answer"} ${error.details?.field || ""}`,
            { kind: "error" });
    }
}


main.append(h("section", { class: "room wide" },
    h("h1", {}, `Waiting room ${room.name}`),
    h("dl", { class: "figures" },
        figure("phase", "Phase"), figure("waiting", "Waiting"),
        figure("inside", "Inside"), figure("admitted", "Admitted"),
        figure("skipped", "Passed over"), figure("rate", "Rate"),
        figure("pace", "Pace of the booking"), figure("stock", "Stock for"),
        figure("nodes", "Nodes")),
    chart("demand", "Arrivals a second, at this node"),
    chart("waiting", "Depth"),
    chart("perSecond", "Admitted a second"),
    chart("seats", "Stock, in people"),
    h("h2", {}, "Controls"),
    h("form", { onsubmit: change },
        field("phase", "Phase", h("select", {},
            ...["", "OFF", "LOBBY", "OPEN", "PAUSED", "DRAINING"]
                .map((phase) => h("option", { value: phase },
                    phase || "as it is")))),
        field("rate", "People a second", h("input", { type: "number", min: 1,
            max: 100000 })),
        field("capacity", "People inside, 0: any", h("input", {
            type: "number", min: 0 })),
        field("opensAt", "Opens at", h("input", { type: "datetime-local" })),
        field("showId", "Show whose stock counts", h("input", {
            type: "text", maxLength: 36 })),
        field("message", "Message to all who wait", h("input", {
            type: "text", maxLength: 200 })),
        h("button", { class: "button primary", type: "submit" }, "Apply"))));

look();
