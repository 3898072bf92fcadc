/*
 * The booking site: addresses to views.
 *
 *   #/                        the movies; ?q=&genre=&language=&format=&date=
 *   #/movies/{id}             a movie, its days, its shows; ?date=
 *   #/theatres/{id}           a theatre, its days, its shows; ?date=
 *   #/shows                   the shows by the time they start
 *   #/shows/{id}              the hall; ?section= one part of a big one
 *   #/shows/{id}/checkout     pay for what is held there
 *   #/account                 the visitor's account
 *   #/sign-in                 ?to= where one comes back to
 *   #/register                likewise
 *   #/lost-password           likewise
 *   #/orders                  the visitor's orders
 *   #/orders/{id}             one order, its ticket
 */

import { accountView, lostPasswordView, registerView, signInView }
    from "./account.js";
import { checkoutView } from "./checkout.js";
import { movieView } from "./movie.js";
import { moviesView } from "./movies.js";
import { orderView, ordersView } from "./orders.js";
import { start } from "./router.js";
import { seatsView } from "./seats.js";
import { showsView } from "./shows.js";
import { theatreView } from "./theatre.js";

start([
    { at: /^\/?$/, view: moviesView, nav: "movies" },
    { at: /^\/movies\/(?<movieId>[^/]+)$/, view: movieView, nav: "movies" },
    { at: /^\/theatres\/(?<theatreId>[^/]+)$/, view: theatreView,
        nav: "movies" },
    { at: /^\/shows$/, view: showsView, nav: "shows" },
    { at: /^\/shows\/(?<showId>[^/]+)$/, view: seatsView, nav: "shows" },
    { at: /^\/shows\/(?<showId>[^/]+)\/checkout$/, view: checkoutView,
        nav: "shows" },
    { at: /^\/account$/, view: accountView, nav: "account" },
    { at: /^\/sign-in$/, view: signInView, nav: "account" },
    { at: /^\/register$/, view: registerView, nav: "account" },
    { at: /^\/lost-password$/, view: lostPasswordView, nav: "account" },
    { at: /^\/orders$/, view: ordersView, nav: "orders" },
    { at: /^\/orders\/(?<orderId>[^/]+)$/, view: orderView, nav: "orders" },
], { href: "#/", text: "All movies" }, "Boxoffice");
