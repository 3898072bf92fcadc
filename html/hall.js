/*
 * One part of the hall as a grid that can be used by pointer, touch and
 * keyboard: one tab stop, arrows move between seats, space or return picks.
 */

import { h } from "./dom.js";
import { money, sectionName, title } from "./format.js";
import { seatName } from "./seatmap.js";

const SEAT_MIN = 26;
const SEAT_MAX = 38;

/* the columns left and right of the seats, as in the style sheet */
const ROW_LABEL = 24;


/*
 * part: a part of map.  seen(seat): how it looks, as {state, chosen, open,
 * words}: the name of its style, whether it is marked, whether it can be, and
 * what is said of it.  pick(seat): somebody chose it, or chose it away; without
 * it the hall is only looked at.  look(text): what the pointer or the focus is
 * on.
 */
export class Hall {
    constructor(map, part, { seen, pick, look, front }) {
        Object.assign(this, { map, part, seen, pick, look });
        this.cells = new Map();
        this.active = null;
        this.whole = false;
        this.el = this.build(front);
        this.listen();
        this.resizes = new ResizeObserver(() => this.fit());
        this.resizes.observe(this.scroll);
    }

    destroy() {
        this.resizes.disconnect();
    }

    build(front) {
        const name = this.part.name || "Hall";

        this.grid = h("div", {
            class: "grid", role: "grid", "aria-label": `Seats, ${name}`,
            "aria-multiselectable": this.pick && "true",
            "aria-describedby": "grid-help",
        });
        this.grid.style.setProperty("--cols",
            this.part.x1 - this.part.x0 + 1);
        this.buildRows();
        this.scroll = h("div", { class: "hall-scroll" },
            h("div", { class: "stage" },
                front && h("div", { class: "screen", "aria-hidden": "true" },
                    h("span", {}, front)),
                this.grid));
        this.zoom = h("button", {
            class: "button quiet small zoom", type: "button", hidden: true,
            "aria-pressed": "false",
            onclick: () => this.toggleWhole(),
        }, "Show the whole hall");

        return h("div", { class: "hall" }, this.scroll, this.zoom);
    }

    buildRows() {
        let section = null;
        let group = null;
        let lastY = null;

        for (const row of this.part.rows) {
            if (group === null || row.section !== section) {
                section = row.section;
                group = this.buildGroup(section);
                this.grid.append(group);
            }

            const el = this.buildRow(row);

            if (lastY !== null && row.y - lastY > 1) {
                el.classList.add("after-aisle");
            }

            lastY = row.y;
            group.append(el);
        }

        const first = this.part.seats.find((s) => s.status === "AVAILABLE")
            || this.part.seats[0];

        this.activate(this.cells.get(first.seatId));
    }

    buildGroup(section) {
        const name = section ? sectionName(section) : "";
        const caption = name !== "" && name !== this.part.name;

        return h("div", {
            class: "rows", role: "rowgroup",
            "aria-label": caption ? name : null,
        }, caption && h("div", { class: "caption", "aria-hidden": "true" },
            name));
    }

    buildRow(row) {
        const el = h("div", { class: "row", role: "row" },
            h("div", { class: "row-label", role: "rowheader",
                "aria-label": `Row ${row.label}` }, row.label));

        for (const seat of row.seats) {
            const cell = h("div", { class: "seat", role: "gridcell",
                "data-n": String(seat.number) });

            cell.seat = seat;
            cell.tabIndex = -1;
            cell.style.gridColumn = String(seat.x - this.part.x0 + 2);
            this.cells.set(seat.seatId, cell);
            this.paint(seat);
            el.append(cell);
        }

        return el;
    }

    /* Draw a seat as it is now. */
    paint(seat) {
        const cell = this.cells.get(seat.seatId);

        if (!cell) {
            return;
        }

        const { state, chosen, open, words } = this.seen(seat);

        cell.className = `seat ${state} cat-`
            + `${this.map.categoryIndex.get(seat.category) % 6}`
            + (seat.kind === "ACCESSIBLE" ? " accessible" : "");

        if (this.pick) {
            cell.setAttribute("aria-selected", String(chosen));
            cell.setAttribute("aria-disabled", String(!open));
        }

        cell.setAttribute("aria-label", this.describe(seat, words));
    }

    /* A hall that nothing is sold of yet has no prices. */
    describe(seat, words) {
        return [
            seatName(seat), title(seat.category),
            seat.price !== undefined && money(seat.price, this.map.currency),
            seat.kind === "ACCESSIBLE" && "wheelchair place", words,
        ].filter(Boolean).join(", ");
    }

    /* Show that somebody else took the seat just now. */
    flash(seatId) {
        const cell = this.cells.get(seatId);

        cell?.classList.add("lost");
        window.setTimeout(() => cell?.classList.remove("lost"), 4000);
    }

    reveal(seatId) {
        this.cells.get(seatId)?.scrollIntoView({ block: "center",
            inline: "center" });
    }

    listen() {
        this.grid.addEventListener("click", (event) => {
            const cell = event.target.closest(".seat");

            if (cell) {
                this.activate(cell);
                cell.focus();
                this.choose(cell);
            }
        });

        this.grid.addEventListener("keydown", (event) => this.key(event));

        for (const type of ["focusin", "pointerover"]) {
            this.grid.addEventListener(type, (event) => {
                const cell = event.target.closest(".seat");

                if (cell) {
                    this.look(cell.getAttribute("aria-label"));
                }
            });
        }
    }

    choose(cell) {
        this.pick?.(cell.seat);
        this.look(cell.getAttribute("aria-label"));
    }

    activate(cell) {
        if (this.active) {
            this.active.tabIndex = -1;
        }

        this.active = cell;
        cell.tabIndex = 0;
    }

    key(event) {
        const cell = event.target.closest(".seat");

        if (!cell || event.altKey || event.metaKey) {
            return;
        }

        if (event.key === " " || event.key === "Enter") {
            event.preventDefault();
            this.choose(cell);
            return;
        }

        const to = this.neighbour(cell.seat, event.key, event.ctrlKey);

        if (to) {
            event.preventDefault();
            this.activate(this.cells.get(to.seatId));
            this.active.focus();
            this.active.scrollIntoView({ block: "nearest",
                inline: "nearest" });
        }
    }

    /* The seat a key leads to; the seat itself at an edge; else null. */
    neighbour(seat, key, ctrl) {
        const rows = this.part.rows;
        const r = rows.findIndex((row) => row.y === seat.y);
        const row = rows[r].seats;
        const i = row.indexOf(seat);
        const clamp = (n, list) => Math.min(Math.max(n, 0), list.length - 1);
        const inRow = (n) => rows[clamp(n, rows)].seats.reduce((a, b) => (
            Math.abs(b.x - seat.x) < Math.abs(a.x - seat.x) ? b : a));

        switch (key) {
        case "ArrowLeft":
            return row[clamp(i - 1, row)];
        case "ArrowRight":
            return row[clamp(i + 1, row)];
        case "ArrowUp":
            return inRow(r - 1);
        case "ArrowDown":
            return inRow(r + 1);
        case "PageUp":
            return inRow(r - 5);
        case "PageDown":
            return inRow(r + 5);
        case "Home":
            return ctrl ? rows[0].seats[0] : row[0];
        case "End":
            return ctrl ? rows.at(-1).seats.at(-1) : row.at(-1);
        default:
            return null;
        }
    }

    middle() {
        const cell = this.grid.querySelector(".seat.picked");

        if (!cell) {
            return this.scroll.scrollWidth / 2;
        }

        return cell.getBoundingClientRect().left + this.scroll.scrollLeft
            - this.scroll.getBoundingClientRect().left;
    }

    toggleWhole() {
        this.whole = !this.whole;
        this.zoom.setAttribute("aria-pressed", String(this.whole));
        this.fit();
    }

    /*
     * As large as fits, within what a finger can hit.  A hall wider than
     * that scrolls in its own box, and starts where the choice is, or in
     * the middle.
     */
    fit() {
        const cols = this.part.x1 - this.part.x0 + 1;
        const room = this.scroll.clientWidth - 2 * ROW_LABEL;
        const fitting = Math.floor(room / cols);
        const wide = fitting < SEAT_MIN;
        const least = this.whole ? 7 : SEAT_MIN;
        const size = Math.min(SEAT_MAX, Math.max(least, fitting));

        this.grid.style.setProperty("--seat", `${size}px`);
        this.grid.classList.toggle("tiny", size < 20);
        this.zoom.hidden = !wide;

        if (wide && this.scroll.scrollLeft === 0) {
            this.scroll.scrollLeft = this.middle()
                - this.scroll.clientWidth / 2;
        }
    }
}
