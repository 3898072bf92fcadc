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
    seats_not_together: "There are not that many seats together any more. Try"
        + " fewer, or another category.",
    seat_unavailable: "One of these seats is not for sale.",
    too_many_seats: "That is more seats than one person can book here.",
    seat_limit: "That is more seats than one person can book here.",
    hold_expired: "Your hold has ended, and the seats are free again.",
    hold_lost: "Your hold was lost. Please choose your seats again.",
    show_changed: "The show begins at another time now. Nothing was booked,"
        + " and you still hold your seats.",
    hold_ordered: "These seats are in one of your orders already.",
    show_not_found: "This show does not exist, or is over.",
    sale_closed: "Booking for this show is closed.",
    order_not_confirmed: "This order is not paid, or has ended: it has no"
        + " tickets.",
    order_ended: "This order has ended.",
    cancellation_over: "By the terms of the theatre this cannot be cancelled"
        + " any more.",
    seats_not_in_order: "You have given one of these seats back already.",
    payment_declined: "The payment was declined.",
    payment_pending: "The payment is not complete yet. Try again in a moment.",
    payment_mismatch: "The payment is not what the order asked for. We will "
        + "look at it.",
    credentials_invalid: "This email address and password do not fit.",
    code_invalid: "This code is wrong, was used, or is over. Look at it once"
        + " more, or ask for another one.",
    email_taken: "There is an account of this address already: sign in.",
    session_over: "Your session is over. Please sign in again.",
    show_clash: "Other shows are on this screen then. Nothing was changed.",
    invalid_schedule: "These shows cannot be put on. Nothing was changed.",
    invalid_prices: "Every category needs one price, and no other.",
    sale_begun: "Somebody has an order at these prices, so they stay.",
    name_taken: "There is one of this name already.",
    payment_unknown: "The gateway does not know this payment. Try again.",
};

const passwords = {
    too_short: "Please take 8 characters or more.",
    too_long: "Please take 128 characters at most.",
    is_your_address: "Please do not take your address as the password.",
    too_common: "Everybody guesses this one. Please choose another.",
};

const decisions = {
    other: "It was decided otherwise meanwhile.",
    money: "There is money in it, which has to go somewhere.",
    no_money: "There is no money in it any more.",
    short: "It is less than the order costs, or of another currency.",
    ended: "This order is paid already, or it was cancelled.",
    seats_gone: "The seats of this order are not to be had any more.",
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


/* {shows: 3} -> "3 shows" */
function usedBy(uses) {
    return Object.entries(uses)
        .map(([what, n]) => `${n.toLocaleString()} ${n === 1
            ? what.replace(/s$/, "") : what}`).join(", ");
}


/* error: an ApiError, or anything thrown by mistake */
export function explain(error) {
    const conflicts = error.details?.conflicts;

    if (Array.isArray(conflicts) && conflicts.length > 0) {
        return `${seatList(conflicts)}: no longer free. `
            + `${count(conflicts.length, "seat")} taken by someone else.`;
    }

    const stranded = error.details?.stranded;

    if (Array.isArray(stranded) && stranded.length > 0) {
        return `${seatList(stranded)} would be left alone, and nobody buys a `
            + "single seat. Please move over by one.";
    }

    if (error.code === "password_refused") {
        return passwords[error.details.reason] || "Please choose another one.";
    }

    if (error.code === "decision_refused") {
        return decisions[error.details.reason] || byStatus[409];
    }

    if (error.code === "in_use") {
        return "This is still in use, and stays: "
            + `${usedBy(error.details.usedBy || {})}.`;
    }

    return byCode[error.code] || byStatus[error.status] || error.message
        || "Something went wrong. Reload the page and try again.";
}
