/*
 * Administration: addresses to views.
 *
 *   #/{kind}               movies, theatres, screens, layouts
 *   #/{kind}/new           make one
 *   #/{kind}/{id}          see it, change it, remove it
 *   #/layouts/{id}/draw    other seats for it
 *   #/audit                who changed what; ?objectId=, ?who=, ?kind=
 */

import { actAs } from "./api.js";
import { auditView } from "./audit.js";
import { kinds } from "./kinds.js";
import { drawView } from "./layouts.js";
import { listView } from "./list.js";
import { formView } from "./form.js";
import { start } from "./router.js";

actAs("ADMIN");

start([
    { at: /^\/layouts\/new$/, nav: "layouts", view: drawView },
    { at: /^\/layouts\/(?<id>[^/]+)\/draw$/, nav: "layouts",
        view: drawView },
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
], { href: "#/movies", text: "All movies" }, "Boxoffice administration");
