/* Money, times and seats in words. */

const moneyFormats = new Map();


function moneyFormat(currency) {
    let entry = moneyFormats.get(currency);

    if (!entry) {
        const format = new Intl.NumberFormat(undefined, {
            style: "currency", currency, trailingZeroDisplay: "stripIfInteger",
        });

        const digits = new Intl.NumberFormat(undefined,
            { style: "currency", currency })
            .resolvedOptions().maximumFractionDigits;

        entry = { format, unit: 10 ** digits };
        moneyFormats.set(currency, entry);
    }

    return entry;
}


/* amount: integer minor units of the currency (paise, pence, ...) */
export function money(amount, currency) {
    const { format, unit } = moneyFormat(currency);

    return format.format(amount / unit);
}


/* The amount to be typed: 25050 -> "250.50" */
export function plainMoney(amount, currency) {
    const { unit } = moneyFormat(currency);
    const digits = Math.round(Math.log10(unit));

    return amount % unit === 0 ? String(amount / unit)
        : (amount / unit).toFixed(digits);
}


/* The way back, exactly; null for what is no amount. */
export function amountOf(text, currency) {
    const { unit } = moneyFormat(currency);
    const digits = Math.round(Math.log10(unit));
    const match = /^(\d{1,12})(?:[.,](\d+))?$/.exec(text.trim());

    if (!match || (match[2] || "").length > digits) {
        return null;
    }

    return Number(match[1] + (match[2] || "").padEnd(digits, "0"));
}


export function priceRange(min, max, currency) {
    return min === max
        ? money(min, currency)
        : `${money(min, currency)} – ${money(max, currency)}`;
}


function stamp(when, timezone, options) {
    const date = new Date(when);

    try {
        return new Intl.DateTimeFormat(undefined,
            { ...options, timeZone: timezone }).format(date);

    } catch {
        /* a zone this browser does not know: UTC, and it says so */
        return new Intl.DateTimeFormat(undefined,
            { ...options, timeZone: "UTC" }).format(date) + " UTC";
    }
}


export function day(when, timezone) {
    return stamp(when, timezone,
        { weekday: "long", day: "numeric", month: "long" });
}


/*
 * date: "2026-11-29", a day by its name and not a moment; length: of its
 * words, "long" or "short"
 */
export function calendarDay(date, length = "long") {
    return stamp(`${date}T12:00:00Z`, "UTC",
        { weekday: length, day: "numeric", month: length });
}


export function time(when, timezone) {
    return stamp(when, timezone, { hour: "numeric", minute: "2-digit" });
}


export function dayTime(when, timezone) {
    return `${stamp(when, timezone,
        { weekday: "short", day: "numeric", month: "short" })}, `
        + time(when, timezone);
}


/* With the year: for what may be long ago, or far away. */
export function moment(when) {
    return stamp(when, undefined, { dateStyle: "medium", timeStyle: "short" });
}


/* milliseconds as m:ss, never negative, rounded up as people count */
export function minutes(ms) {
    const s = Math.max(0, Math.ceil(ms / 1000));

    return `${Math.floor(s / 60)}:${String(s % 60).padStart(2, "0")}`;
}


export function count(n, one, many = `${one}s`) {
    return `${n.toLocaleString()} ${n === 1 ? one : many}`;
}


/* GOLD -> Gold */
export function title(word) {
    return word.charAt(0).toUpperCase() + word.slice(1).toLowerCase();
}


/* BALCONY -> Balcony, 101 -> Section 101 */
export function sectionName(section) {
    return /^\d/.test(section) ? `Section ${section}` : title(section);
}


const collator = new Intl.Collator("en", { numeric: true });


export function naturalOrder(a, b) {
    return collator.compare(a, b);
}


export function seatList(seatIds) {
    return [...seatIds].sort(naturalOrder).join(", ");
}
