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
 *   #/audit                who changed what; ?objectId=, ?who=, ?kind=
 */

import { actAs, read } from "./api.js";
import { auditView } from "./audit.js";
import { kinds } from "./kinds.js";
import { drawView } from "./layouts.js";
import { newShowsView } from "./newshows.js";
import { programView } from "./program.js";
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
    { at: /^\/audit$/, view: auditView, nav: "audit" },
], { href: "#/movies", text: "All movies" }, "Boxoffice administration",
allowed);
