/* Times on the clock of a place, in the form of an input of date and time. */


/* How far the clock there is ahead of UTC at a moment, in milliseconds. */
function ahead(ms, timezone) {
    const parts = Object.fromEntries(new Intl.DateTimeFormat("en-US", {
        timeZone: timezone, hourCycle: "h23", year: "numeric",
        month: "numeric", day: "numeric", hour: "numeric", minute: "numeric",
        second: "numeric",
    }).formatToParts(ms).map(({ type, value }) => [type, Number(value)]));

    return Date.UTC(parts.year, parts.month - 1, parts.day, parts.hour,
        parts.minute, parts.second) - Math.floor(ms / 1000) * 1000;
}


/* "2026-11-29T13:00:00.000Z" -> "2026-11-29T18:30" */
export function onTheClock(when, timezone) {
    const ms = Date.parse(when);

    return new Date(ms + ahead(ms, timezone)).toISOString().slice(0, 16);
}


/*
 * The way back.  Of a time that comes twice it is one of the two; null for one
 * that the clock leaps over.
 */
export function momentOf(text, timezone) {
    const wall = Date.parse(`${text}Z`);
    let ms = wall - ahead(wall, timezone);

    ms = wall - ahead(ms, timezone);

    return ms + ahead(ms, timezone) === wall ? new Date(ms).toISOString()
        : null;
}
