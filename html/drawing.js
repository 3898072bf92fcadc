/*
 * Rows of a layout, as of GET /admin/layouts/{id}/seats, in two other forms: as
 * what a SeatMap is made of, and as a drawing.
 */

const PLACES = { NORMAL: "o", ACCESSIBLE: "a", BROKEN: "x", HOUSE: "h" };


/* The seats of a row with all that the API leaves out; see docs/api.md. */
function full(row) {
    let beside = 0;

    return row.seats.map((each) => {
        const seat = typeof each === "number" ? { number: each } : each;
        const x = seat.x ?? beside;

        beside = x + 1;

        return { number: seat.number, x, kind: seat.kind || "NORMAL",
            category: seat.category || row.category,
            label: seat.label || `${row.row}${seat.number}` };
    });
}


/* In the form of POST /admin/layouts/preview. */
export function hallOf(rows) {
    const names = [];
    const counts = [];
    let n = 0;

    const index = (category) => {
        if (!names.includes(category)) {
            names.push(category);
            counts.push(0);
        }

        return names.indexOf(category);
    };

    const hall = rows.map((row) => ({
        section: row.section || "", row: row.row, y: row.y,
        seats: full(row).map(({ label, number, x, category, kind }) => {
            const i = index(category);

            n++;
            counts[i]++;

            return [label, number, x, i, kind];
        }),
    }));

    return { seats: n, rows: hall,
        categories: names.map((name, i) => ({ name, seats: counts[i] })) };
}


/* "SILVER", or "SILVER:1-8,GOLD:9-16" */
function categories(seats) {
    const ranges = [];

    for (const { number, category } of seats) {
        if (ranges.at(-1)?.category === category) {
            ranges.at(-1).high = number;

        } else {
            ranges.push({ category, low: number, high: number });
        }
    }

    return ranges.length === 1 ? ranges[0].category
        : ranges.map(({ category, low, high }) => (
            `${category}:${low}-${high}`)).join(",");
}


/* "2o_a6o", from the place x0 on */
function places(seats, x0) {
    const cells = [];

    for (const { x, kind } of seats) {
        while (x0 + cells.length < x) {
            cells.push("_");
        }

        cells.push(PLACES[kind]);
    }

    return cells.join("").replace(/([oaxh])\1+|(_)__+/g, (run, seat, gap) => (
        `${run.length}${seat || gap}`));
}


/* "BAL" of BAL-A1, BAL-A2, ...; null: they are not of that form. */
function prefixOf(row, seats) {
    const [{ label }] = seats;
    const end = label.length - `${row.row}1`.length;
    const before = label.slice(0, end);
    const prefix = before.replace(/-$/, "");

    return seats.every((seat, i) => seat.number === i + 1
        && seat.label === `${before}${row.row}${seat.number}`)
        && /^[A-Z0-9]{1,8}$/.test(row.row)
        && (before === "" || (before === `${prefix}-`
            && /^[A-Z0-9-]{1,8}$/.test(prefix))) ? prefix : null;
}


/*
 * The text that would make them.  null: there is none, for labels or numbers
 * are out of order.
 */
export function drawingOf(rows) {
    const lines = [];
    let head = "- ";
    let flow = 0;
    let at = null;

    for (const row of rows) {
        const seats = full(row);
        const prefix = prefixOf(row, seats);
        const section = row.section || "-";
        const [{ x }] = seats;

        if (prefix === null || seats.some((seat, i) => (
            i > 0 && seat.x <= seats[i - 1].x)))
        {
            return null;
        }

        /* below what was drawn, or somewhere on the grid by itself */
        const below = at === null ? row.y >= flow : row.y >= at.y
            && x >= at.x;

        /* empty lines before the first row are none */
        const apart = at !== null || row.y < flow
            || (flow === 0 && row.y > 0);

        if (`${section} ${prefix}` !== head || !below
            || (apart && at === null))
        {
            at = apart ? { x, y: row.y } : null;
            head = `${section} ${prefix}`;
            lines.push(`section ${section}`
                + (prefix ? ` prefix ${prefix}` : "")
                + (apart ? ` at ${x} ${row.y}` : ""));
        }

        let y = at ? at.y : flow;

        for (; y < row.y; y++) {
            lines.push("");
        }

        lines.push(`${row.row}  ${categories(seats)}  `
            + places(seats, at ? at.x : 0));

        if (at) {
            at.y = y + 1;

        } else {
            flow = y + 1;
        }
    }

    return `${lines.join("\n")}\n`;
}
