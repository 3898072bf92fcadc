/*
 * What went wrong, in words for the person who books.  The server's stable
 * codes first, then the status; the server's own message is the last resort,
 * since it is written for developers.
 */

import { count, seatList } from "./format.js";

const byCode = {
    network: "There is no connection to the box office. Check yours, and try"
        + " again.",
    seat_held: "Someone else is just booking one of these seats.",
    seat_sold: "One of these seats has just been sold.",
    seats_taken: "Someone else was quicker with one of these seats.",
    orphan_seat: "This choice would leave a single seat alone. Please move"
        + " one seat over.",
    hold_expired: "Your hold has ended, and the seats are free again.",
    hold_not_found: "Your hold has ended, and the seats are free again.",
    hold_released: "Your hold has ended, and the seats are free again.",
    too_many_seats: "That is more seats than one person can book here.",
    seat_limit: "That is more seats than one person can book here.",
    limit: "That is more seats than one person can book here.",
    show_not_found: "This show does not exist, or is over.",
    show_closed: "Booking for this show is closed.",
    closed: "Booking for this show is closed.",
    order_not_found: "There is no such order among yours.",
    order_expired: "The time to pay for this order is over.",
    payment_declined: "The payment was declined.",
};

const byStatus = {
    401: "You need to sign in first.",
    403: "You are not allowed to do this.",
    404: "This does not exist, or is not yours.",
    409: "Somebody or something was quicker. Look at the present state and"
        + " try again.",
    429: "That was too many requests at once. Wait a moment and try again.",
    500: "The box office has a problem. Nothing was booked.",
    502: "The box office cannot be reached just now. Try again.",
    503: "The box office is very busy, and its answer is not known yet. Press"
        + " the button again: nothing will be booked twice.",
    504: "The box office did not answer in time. Try again.",
};


/* error: an ApiError, or anything thrown by mistake */
export function explain(error) {
    const conflicts = error.details?.conflicts;

    if (Array.isArray(conflicts) && conflicts.length > 0) {
        return `${seatList(conflicts)}: no longer free. `
            + `${count(conflicts.length, "seat")} taken by someone else.`;
    }

    return byCode[error.code] || byStatus[error.status] || error.message
        || "Something went wrong. Reload the page and try again.";
}
