/*
 * The hall as data: what the server said last, what changed since, and how
 * the seats fall into parts that can be drawn.  No DOM here.
 */

import { naturalOrder, sectionName, title } from "./format.js";

/* More seats than this are not put into one grid, or on the page at once. */
const GRID_LIMIT = 1500;


/*
 * A part of the hall drawn as one grid.
 *   key      unique in the hall, goes into the address
 *   name     for people; empty in a hall without sections
 *   rows     [{label, section, y, seats}] from the front, seats by x
 *   x0, y0, x1, y1   its box on the hall's grid
 */
function makePart(key, name, seats) {
    const byY = new Map();
    let x0 = Infinity, y0 = Infinity, x1 = -Infinity, y1 = -Infinity;

    for (const seat of seats) {
        const row = byY.get(seat.y);

        if (row) {
            row.push(seat);

        } else {
            byY.set(seat.y, [seat]);
        }

        x0 = Math.min(x0, seat.x);
        x1 = Math.max(x1, seat.x);
        y0 = Math.min(y0, seat.y);
        y1 = Math.max(y1, seat.y);
    }

    const rows = [...byY.entries()]
        .sort((a, b) => a[0] - b[0])
        .map(([y, list]) => {
            list.sort((a, b) => a.x - b.x);

            const sections = new Set(list.map((seat) => seat.section));

            return {
                y, seats: list, label: list[0].row,
                section: sections.size === 1 ? list[0].section : "",
            };
        });

    return { key, name, seats, rows, x0, y0, x1, y1 };
}


/* A part too big for one grid, cut between rows. */
function cutByRows(part) {
    const parts = [];
    let rows = [];
    let n = 0;

    const flush = () => {
        const first = rows[0].label;
        const last = rows[rows.length - 1].label;
        const range = first === last ? `row ${first}`
            : `rows ${first} to ${last}`;
        const name = part.name ? `${part.name}, ${range}` : title(range);

        parts.push(makePart(`${part.key}:${first}-${last}`, name,
            rows.flatMap((row) => row.seats)));
        rows = [];
        n = 0;
    };

    for (const row of part.rows) {
        if (n > 0 && n + row.seats.length > GRID_LIMIT) {
            flush();
        }

        rows.push(row);
        n += row.seats.length;
    }

    flush();

    return parts;
}


function bySection(seats) {
    const sections = new Map();

    for (const seat of seats) {
        const list = sections.get(seat.section);

        if (list) {
            list.push(seat);

        } else {
            sections.set(seat.section, [seat]);
        }
    }

    return [...sections.entries()]
        .sort((a, b) => naturalOrder(a[0], b[0]))
        .map(([section, list]) => (section
            ? makePart(section, sectionName(section), list)
            : makePart("hall", "", list)));
}


function collide(seats) {
    const taken = new Set();

    for (const seat of seats) {
        /* grid places are below 2^16 each */
        const place = seat.y * 65536 + seat.x;

        if (taken.has(place)) {
            return true;
        }

        taken.add(place);
    }

    return false;
}


/* The seats of a layout, in the order of their numbers. */
function seatsOf(layout) {
    return layout.rows.flatMap(({ section, row, y, seats }) => seats.map(
        ([seatId, number, x, category, kind]) => ({
            seatId, row, number, x, y, section, kind: kind || "NORMAL",
            category: layout.categories[category].name,
            price: layout.categories[category].price,
            status: "UNAVAILABLE",
        })));
}


const STATES = ["AVAILABLE", "HELD", "BOOKED"];

function forSale(seat) {
    return seat.kind !== "BROKEN" && seat.kind !== "HOUSE";
}


/*
 * The states in the text of a whole: each character stands for four seats, as
 * a number of base 3; see docs/api.md.
 */
function statesIn(text) {
    const states = [];

    for (let i = 0; i < text.length; i++) {
        const code = text.charCodeAt(i);
        let value = code - 35 - (code > 92 ? 1 : 0);

        for (let k = 0; k < 4; k++) {
            states.push(value % 3);
            value = Math.floor(value / 3);
        }
    }

    return states;
}


export class SeatMap {
    /* the answers of GET /shows/{id}/layout and .../availability */
    constructor(layout, availability) {
        this.seats = seatsOf(layout);
        this.byId = new Map(this.seats.map((seat) => [seat.seatId, seat]));
        this.revision = layout.revision;
        this.currency = layout.currency;
        this.update(availability);
        this.divide();
    }

    /*
     * parts: what can be drawn.  A hall of a usual size is one part, unless
     * its sections use the same grid places: those stand one below another.
     * big: the parts are chosen from an overview, one at a time.
     * plan: the grid places make one picture of the whole hall.
     */
    divide() {
        this.plan = !collide(this.seats);
        this.big = this.seats.length > GRID_LIMIT;

        if (!this.big && this.plan) {
            this.parts = [makePart("hall", "", this.seats)];

        } else {
            this.parts = bySection(this.seats).flatMap((part) => (
                part.seats.length > GRID_LIMIT ? cutByRows(part) : [part]));
        }

        const prices = new Map();

        for (const seat of this.seats) {
            if (!prices.has(seat.category)) {
                prices.set(seat.category, seat.price);
            }
        }

        this.categories = [...prices.entries()]
            .sort((a, b) => a[1] - b[1])
            .map(([name, price], index) => ({ name, price, index }));
        this.categoryIndex = new Map(
            this.categories.map(({ name, index }) => [name, index]));
    }

    /*
     * Take a newer message.  Returns the seats whose state changed, or null
     * when it is of another layout, which has to be read then.
     */
    update(data) {
        const changed = [];

        if (data.revision !== this.revision) {
            return null;
        }

        const put = (n, state) => {
            const seat = this.seats[n];

            if (seat && forSale(seat) && seat.status !== STATES[state]) {
                seat.status = STATES[state];
                changed.push(seat);
            }
        };

        if (data.seats !== undefined) {
            statesIn(data.seats).forEach((state, n) => put(n, state));
        }

        STATES.forEach((name, state) => {
            data[name.toLowerCase()]?.forEach?.((n) => put(n, state));
        });

        this.version = data.version;
        this.stale = data.stale === true;

        return changed;
    }

    part(key) {
        return this.parts.find((part) => part.key === key) || null;
    }

    /* in minor units; seats this map does not know count nothing */
    total(seatIds) {
        let sum = 0;

        for (const id of seatIds) {
            sum += this.byId.get(id)?.price || 0;
        }

        return sum;
    }
}


/* What a person needs to know to choose a part. */
export function partSummary(part) {
    let available = 0, min = Infinity, max = -Infinity;

    for (const seat of part.seats) {
        if (seat.status === "AVAILABLE") {
            available++;
        }

        min = Math.min(min, seat.price);
        max = Math.max(max, seat.price);
    }

    return { available, total: part.seats.length, min, max };
}


/* "Row C seat 7" in full, with its section where there are some */
export function seatName(seat) {
    const place = `Row ${seat.row} seat ${seat.number}`;

    return seat.section ? `${sectionName(seat.section)}, ${place}` : place;
}
