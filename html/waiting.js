/*
 * The waiting page: where one stands, how long it may take, and through when
 * it is one's turn.
 *
 *     waiting.html?room=premiere&to=/checkout/[&as=visitor]
 *
 * A place is the person's, not the page's: a refresh, another tab or a lost
 * connection finds it again.
 */

import { ownAddress } from "./address.js";
import { ApiError } from "./api.js";
import { announce, h } from "./dom.js";
import { count } from "./format.js";
import { Room, aheadOf } from "./room.js";

const RETRY_MS = 2000;
const LOOK_MS = 10000;

const query = new URLSearchParams(location.search);
const room = new Room(query.get("room") || "",
    query.get("as") === "visitor");
const main = document.getElementById("main");

const view = {
    title: h("h1", {}, "Please wait"),
    position: h("p", { class: "position", id: "position" }),
    text: h("p", { id: "text" }),
    bar: h("progress", { max: 1, "aria-label": "Your way to the front" }),
    wait: h("p", { class: "muted", id: "wait" }),
    message: h("p", { class: "notice", id: "message", hidden: true }),
    network: h("p", { class: "notice", id: "network", hidden: true }),
    again: h("button", { class: "button primary", type: "button",
        hidden: true, id: "again", onclick: () => start() }, "Join again"),
    leave: h("button", { class: "button quiet", type: "button", id: "leave",
        onclick: () => leave() }, "Give up my place"),
};

let place = null;       /* as the server told it last */
let first = null;       /* how many were ahead when the page opened */
let events = null;
let timer = null;
let spoken = null;


function minutes(seconds) {
    return seconds < 60
        ? "less than a minute"
        : `about ${count(Math.round(seconds / 60), "minute")}`;
}


function show(title, text, { waits = false, again = false } = {}) {
    view.title.textContent = title;
    view.text.textContent = text;
    view.position.hidden = !waits;
    view.bar.hidden = !waits;
    view.wait.hidden = !waits;
    view.leave.hidden = !waits;
    view.again.hidden = !again;
    document.title = `${waits && place?.position
        ? `${place.position.toLocaleString()} - ` : ""}${title} - Boxoffice`;
}


function showPlace() {
    view.message.hidden = !place.message;
    view.message.textContent = place.message || "";

    if (place.phase === "LOBBY") {
        show("You are in the lobby", place.opensAt
            ? `The sale opens at ${new Date(place.opensAt)
                .toLocaleTimeString()}. The order is drawn then: it does `
                + "not matter when you came."
            : "The sale opens soon. The order is drawn then: it does not "
                + "matter when you came.", { waits: true });
        view.position.hidden = true;
        view.bar.hidden = true;
        view.wait.hidden = true;
        return;
    }

    first = Math.max(first ?? 0, place.ahead);

    view.position.textContent = place.position.toLocaleString();
    view.bar.value = first ? 1 - place.ahead / first : 1;
    view.wait.textContent = place.phase === "PAUSED"
        ? "Nobody is let in for the moment. Your place is kept."
        : `This takes ${minutes(place.estimatedWait.seconds)}, and perhaps `
            + `${minutes(place.estimatedWait.high)}.`;

    show("You are in line", place.ahead
        ? `${count(place.ahead, "person is", "people are")} ahead of you. `
            + "You may close this page for a moment: your place is kept."
        : "You are next.", { waits: true });

    /* a screen reader hears it when it has become a tenth less */
    if (spoken === null || place.ahead < spoken * 0.9) {
        spoken = place.ahead;
        announce(`Position ${place.position}`);
    }
}


function through() {
    stop();
    show("It is your turn", "One moment ...");
    announce("It is your turn", true);
    location.replace(ownAddress(query.get("to")) || "/");
}


function stop() {
    events?.close();
    events = null;
    window.clearTimeout(timer);
}


function later(ms, what) {
    window.clearTimeout(timer);
    timer = window.setTimeout(what, ms);
}


function took(answer) {
    view.network.hidden = true;

    /* a place never moves back, whichever node is asked */
    if (place && place.number === answer.number
        && place.ahead < answer.ahead && !answer.drawn)
    {
        answer.ahead = place.ahead;
        answer.position = place.position;
    }

    place = { ...place, ...answer };

    if (place.phase === "OFF"
        || (place.state === "ADMITTED" && !answer.spent))
    {
        through();
        return;
    }

    /* what sent us here would send us back */
    if (answer.spent) {
        stop();
        place = null;
        show("You have had your turn", "You ordered with it. Once that order "
            + "is paid, or over, you can join again.", { again: true });
        return;
    }

    if (place.soldOut) {
        stop();
        show("There is nothing left", "Everything is sold. Thank you for "
            + "waiting.");
        return;
    }

    showPlace();
    listen();
    later(Math.max(place.pollAfter, events ? LOOK_MS : 0), look);
}


function failed(error, retry) {
    switch (error.code) {

    case "place_over":
    case "token_foreign":
    case "token_invalid":
        stop();
        place = null;
        show("Your place is gone", "You had your turn, or were away for "
            + "too long.", { again: true });
        return;

    case "sold_out":
        stop();
        show("There is nothing left", "Everything is sold.");
        return;

    case "room_closed":
        stop();
        show("The sale is over", "Nobody can join any more.");
        return;

    case "not_found":
    case "unauthorized":
        stop();
        show("There is nothing to wait for", error.message);
        return;

    default:
        view.network.hidden = error.code === "polling_too_fast";
        view.network.textContent = error.status === 0
            ? "No connection. Your place is kept for some seconds; this "
                + "page goes on by itself."
            : "The box office is very busy. This page goes on by itself.";
        later((error.retryAfter || RETRY_MS / 1000) * 1000, retry);
    }
}


async function look() {
    try {
        took(await room.place());

    } catch (error) {
        failed(error, look);
    }
}


async function start() {
    view.again.hidden = true;
    first = null;
    spoken = null;

    try {
        took(await room.join());

    } catch (error) {
        failed(error, start);
    }
}


async function leave() {
    stop();

    try {
        await room.leave();

    } catch {
        /* whoever does not come back loses it anyway */
    }

    place = null;
    show("You have left the line", "Your place went to the next.",
        { again: true });
}


/* What moves between two looks.  It is a sign of life as well. */
function listen() {
    if (events) {
        return;
    }

    events = room.events();

    events.addEventListener("room", (event) => {
        const now = JSON.parse(event.data);

        if (!place) {
            return;
        }

        if (now.cursor > place.rank || now.phase !== place.phase
            || now.soldOut || now.drawn !== place.drawn)
        {
            later(Math.random() * 1000, look);
            return;
        }

        if (now.phase === "LOBBY") {
            return;
        }

        const ahead = aheadOf(place.rank, now.ahead);
        const seconds = now.speed ? ahead / now.speed
            : place.estimatedWait.seconds;

        if (ahead <= place.ahead) {
            place = { ...place, ahead, position: ahead + 1,
                estimatedWait: { seconds, high: seconds * 1.5 + 1 } };
            showPlace();
        }
    });

    /* without it, there are the looks */
    events.onerror = () => {
        if (events?.readyState === EventSource.CLOSED) {
            events = null;
        }
    };
}


window.addEventListener("online", look);
window.addEventListener("offline", () => {
    if (place) {
        failed(new ApiError(0, "network", "No answer"), look);
    }
});

main.append(h("section", { class: "room", "aria-labelledby": "title" },
    ...Object.values(view)));
view.title.id = "title";
show("Please wait", "Finding your place ...");
start();
