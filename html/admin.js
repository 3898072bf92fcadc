/*
 * Administration: addresses to views.
 *
 *   #/{kind}               movies, theatres, screens, layouts
 *   #/{kind}/new           make one
 *   #/{kind}/{id}          see it, change it, remove it
 *   #/layouts/{id}/draw    other seats for it
 *   #/shows                a day's shows with their sales; ?date=, or all of
 *                          ?theatreId=, ?screenId=, ?movieId=
 *   #/shows/new            put some on; ?screenId=, ?movieId=
 *   #/shows/{id}           one, its sales, its prices
 *   #/shows/{id}/seats     its broken and house seats
 *   #/people               an account, by its address
 *   #/people/{id}          one, its role, its end
 *   #/keys                 of services
 *   #/keys/new             make one, and see it this once
 *   #/quarantine           money in doubt; ?status=DECIDED
 *   #/dead-letters         events that a sink did not take
 *   #/audit                who changed what; ?objectId=, ?who=, ?kind=
 */

import { actAs, read } from "./api.js";
import { auditView } from "./audit.js";
import { deadLettersView } from "./deadletters.js";
import { keysView } from "./keys.js";
import { kinds } from "./kinds.js";
import { ifThere } from "./lacking.js";
import { drawView } from "./layouts.js";
import { newKeyView } from "./newkey.js";
import { newShowsView } from "./newshows.js";
import { findPersonView, personView } from "./people.js";
import { programView } from "./program.js";
import { quarantineView } from "./quarantine.js";
import { listView } from "./list.js";
import { formView } from "./form.js";
import { start } from "./router.js";
import { showSeatsView } from "./show.js";

actAs("ADMIN");

let known = false;


/* Who is no administrator is told so, and not after a form is filled in. */
async function allowed() {
    if (!known) {
        await read("/admin/movies?limit=1");
        known = true;
    }
}


/* What an operator may have, or not: the page says so in a sentence. */
const people = (view) => ifThere("People",
    "This box office has no accounts of its own.", view);
const keys = (view) => ifThere("API keys",
    "This box office has no keys for services.", view);
const quarantine = ifThere("Quarantine",
    "This box office does not show its quarantine.", quarantineView);
const deadLetters = ifThere("Dead letters",
    "This box office does not show its dead letters.", deadLettersView);


start([
    { at: /^\/layouts\/new$/, nav: "layouts", view: drawView },
    { at: /^\/layouts\/(?<id>[^/]+)\/draw$/, nav: "layouts",
        view: drawView },
    { at: /^\/shows$/, nav: "shows", view: programView },
    { at: /^\/shows\/new$/, nav: "shows", view: newShowsView },
    { at: /^\/shows\/(?<id>[^/]+)\/seats$/, nav: "shows",
        view: showSeatsView },
    ...Object.keys(kinds).flatMap((name) => [
        { at: new RegExp(`^/${name}$`), nav: kinds[name].nav || name,
            view: (params) => listView(kinds[name], params) },
        { at: new RegExp(`^/${name}/new$`), nav: kinds[name].nav || name,
            view: (params) => formView(kinds[name], params) },
        { at: new RegExp(`^/${name}/(?<id>[^/]+)$`),
            nav: kinds[name].nav || name,
            view: (params) => formView(kinds[name], params) },
    ]),
    { at: /^\/people$/, nav: "people", view: people(findPersonView) },
    { at: /^\/people\/(?<id>[^/]+)$/, nav: "people",
        view: people(personView) },
    { at: /^\/keys$/, nav: "keys", view: keys(keysView) },
    { at: /^\/keys\/new$/, nav: "keys", view: keys(newKeyView) },
    { at: /^\/quarantine$/, nav: "quarantine", view: quarantine },
    { at: /^\/dead-letters$/, nav: "dead-letters", view: deadLetters },
    { at: /^\/audit$/, view: auditView, nav: "audit" },
], { href: "#/movies", text: "All movies" }, "Boxoffice administration",
allowed);
