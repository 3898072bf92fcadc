/*
 * A waiting room as a browser sees it.  The ticket and the pass are cookies
 * that no script can read; the ticket is kept here as well, for browsers that
 * take no cookies.
 */

import { ApiError, userId } from "./api.js";
import { local } from "./storage.js";

const BASE = "/api/v1/waiting-rooms";


export class Room {
    /* visitor: nobody with a name, but a cookie of the server */
    constructor(name, visitor = false) {
        this.name = name;
        this.who = visitor ? {} : { "x-user-id": userId() };
        this.url = `${BASE}/${encodeURIComponent(name)}`;
        this.key = `boxoffice.ticket.${name}`;
    }


    async ask(method, what, headers = {}, body = undefined) {
        let response;

        try {
            response = await fetch(this.url + what, {
                method, body, cache: "no-store", credentials: "same-origin",
                headers: { "Accept": "application/json", ...this.who,
                    ...headers },
            });

        } catch {
            throw new ApiError(0, "network", "No answer");
        }

        const text = await response.text();
        let data = {};

        try {
            data = text ? JSON.parse(text) : {};

        } catch {
            /* not ours: a proxy's page */
        }

        if (!response.ok) {
            const error = data.error || {};

            throw new ApiError(response.status, error.code || "",
                error.message || "", error.details,
                Number(response.headers.get("Retry-After")) || null);
        }

        return data;
    }


    look() {
        return this.ask("GET", "");
    }


    async join() {
        const place = await this.ask("POST", "/join");

        local.set(this.key, place.ticket);

        return place;
    }


    place() {
        return this.ask("GET", "/place", this.ticket());
    }


    async leave() {
        await this.ask("DELETE", "/place", this.ticket());
        local.remove(this.key);
    }


    ticket() {
        const ticket = local.get(this.key);

        return ticket ? { "x-boxoffice-ticket": ticket } : {};
    }


    events() {
        return new EventSource(`${this.url}/events`);
    }


    /* For administrators, who say so in development. */
    change(what) {
        return this.ask("PUT", "", { "x-user-role": "ADMIN",
            "Content-Type": "application/json" }, JSON.stringify(what));
    }
}


/*
 * How many are ahead of a rank, between the two nearest ones that were told:
 * [[rank, ahead], ...], ascending.
 */
export function aheadOf(rank, marks) {
    let before = null;

    for (const mark of marks) {
        if (mark[0] === rank) {
            return mark[1];
        }

        if (mark[0] > rank) {
            if (!before) {
                return 0;
            }

            const share = (rank - before[0]) / (mark[0] - before[0]);

            return Math.floor(before[1] + share * (mark[1] - before[1]));
        }

        before = mark;
    }

    return before ? before[1] : 0;
}
