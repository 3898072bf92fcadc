/*
 * A waiting room as a browser sees it.  The ticket and the pass are cookies
 * that no script can read; the ticket is kept here as well, for browsers that
 * take no cookies.
 */

import { BASE, exchange, signedIn, who } from "./api.js";
import { local } from "./storage.js";


export class Room {
    /* visitor: nobody with a name, but a cookie of the server */
    constructor(name, visitor = false) {
        this.name = name;
        this.visitor = visitor;
        this.path = `/waiting-rooms/${encodeURIComponent(name)}`;
        this.key = `boxoffice.ticket.${name}`;
    }


    async ask(method, what, headers = {}, body = undefined) {
        const { data } = await exchange(method, this.path + what, {
            headers: { "Accept": "application/json",
                ...this.visitor ? {} : who(), ...headers },
            body,
        });

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
        return new EventSource(`${BASE}${this.path}/events`);
    }


    /* For administrators, who say so in development. */
    change(what) {
        return this.ask("PUT", "", { ...signedIn() ? {}
            : { "x-user-role": "ADMIN" },
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
