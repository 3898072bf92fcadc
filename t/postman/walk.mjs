/*
 * The order in which the operations of docs/openapi.yaml are called by the
 * Postman collection, from an empty house to a ticket that is let in: folder by
 * folder, each a list of [operation, what is special about it].
 *
 *     as       who asks: "administrator" where the description has roles, "nobody"
 *              where it has no security, else "customer"; "bearer" is the account that was made
 *     path     values of the path's parameters; else variables of their names
 *     query, headers, body   what is sent; the body is else the description's example
 *     save     variables for later requests: a way into the JSON, or "ETag"; with
 *              "?" it need not be there
 *     status   what is expected; else the first 2xx of the description
 *     wait     asked again, 40 times at most, until the JSON has these values
 *     name     where an operation is called twice
 *
 * "{{run}}" is another number in each run, so that a second run finds nothing
 * of the first in its way.  "{{tomorrow}}" is a day.
 */

const PRICES = { SILVER: 15000, GOLD: 25000 };
const NOWHERE = "00000000-0000-4000-8000-00000000dead";

/* Make, list, read, change: the same for everything that has versions. */
function kind(What, make, change, query = {}) {
    const what = What[0].toLowerCase() + What.slice(1);
    const tag = `${what}Tag`;

    return [
        [`adminCreate${What}`, { body: make,
            save: { [`${what}Id`]: `${what}Id`, [tag]: "ETag" } }],
        [`adminList${What}s`, { query }],
        [`adminGet${What}`, { save: { [tag]: "ETag" } }],
        [`adminChange${What}`, { body: change, save: { [tag]: "ETag" },
            headers: { "If-Match": `{{${tag}}}` } }],
    ];
}


/* What was made is only in the way of others: another one is removed. */
function removed(What, make) {
    const what = What[0].toLowerCase() + What.slice(1);

    return [
        [`adminCreate${What}`, { name: `Make a ${what} to remove`, body: make,
            save: { spareId: `${what}Id`, spareTag: "ETag" } }],
        [`adminRemove${What}`, { path: { [`${what}Id`]: "{{spareId}}" },
            headers: { "If-Match": "{{spareTag}}" } }],
    ];
}


/* Seats of the show that the walk has put on, held and ordered. */
function ordered(seatIds, suffix = "") {
    return [
        ["createHold", { name: suffix && `Hold seats${suffix}`,
            body: { showId: "{{showId}}", seatIds },
            save: { holdId: "holdId" } }],
        ["createOrder", { name: suffix && `Order them${suffix}`,
            body: { holdId: "{{holdId}}", paymentMethod: "UPI",
                customer: { name: "Alice Rao", email: "alice@example.com" } },
            save: { orderId: "orderId" } }],
    ];
}


const THEATRE = { name: "Palace {{run}}", city: "Bengaluru",
    timezone: "Asia/Kolkata", latitude: 12.97, longitude: 77.59 };
const LAYOUT = { name: "Hall {{run}}",
    drawing: "A SILVER 8o\nB SILVER 8o\nC GOLD 8o\nD GOLD 2a4o2a" };
const ACCOUNT = { email: "ann{{run}}@example.com",
    password: "a horse and its staple" };

export const WALK = {
    "administration": [
        ...kind("Movie", { title: "The Tide {{run}}", durationMinutes: 120,
            language: "English", format: "2D", genres: ["Drama"],
            metadata: { cast: ["A. Rao"] } },
            { title: "The Tide {{run}}", durationMinutes: 125,
                language: "English", format: "2D", genres: ["Drama"] }),
        ...kind("Theatre", THEATRE, { ...THEATRE, address: "1 Sea Road" }),
        ...kind("Layout", LAYOUT, { name: "Great hall {{run}}" }),
        ["adminGetLayoutSeats"],
        ["adminPreviewLayout", { body: { drawing: "A SILVER 4o_4o" } }],
        ["adminChangeLayoutSeats", { body: { broken: ["A1"] },
            headers: { "If-Match": "{{layoutTag}}" } }],
        ...kind("Screen", { theatreId: "{{theatreId}}", name: "Screen 1",
            layoutId: "{{layoutId}}" },
            { name: "Screen One", layoutId: "{{layoutId}}" },
            { theatreId: "{{theatreId}}" }),
        ["adminCreateShows", { body: { screenId: "{{screenId}}",
            movieId: "{{movieId}}", dates: ["{{tomorrow}}"],
            times: ["15:00", "19:00"], currency: "INR", prices: PRICES,
            orphanRule: false },
            save: { showId: "items.0.showId", otherShowId: "items.1.showId" } }],
        ["adminListShows", { query: { theatreId: "{{theatreId}}" } }],
        ["adminGetShow", { save: { showTag: "ETag" } }],
        ["adminChangeShow", { path: { showId: "{{otherShowId}}" },
            body: { startsAt: "{{tomorrow}}T20:30:00+05:30",
                durationMinutes: 125, orphanRule: false },
            headers: { "If-Match": "*" } }],
        ["adminChangeShowPrices", { body: { prices: { ...PRICES, GOLD: 30000 } },
            headers: { "If-Match": "{{showTag}}" }, save: { showTag: "ETag" } }],
        ["adminChangeShowSeats", { body: { house: ["A2"], broken: ["A3"] },
            headers: { "If-Match": "{{showTag}}" } }],
        ["createShow", { body: { screenId: "{{screenId}}",
            movieTitle: "The Tide {{run}}", durationMinutes: 120,
            startsAt: "{{tomorrow}}T09:00:00+05:30", currency: "INR",
            prices: PRICES }, save: { morningShowId: "showId" } }],
        ["setRefundPolicy"],
        ["adminListAudit", { query: { objectId: "{{showId}}" } }],
        ...removed("Movie", { title: "Nobody's {{run}}" }),
        ...removed("Theatre", { ...THEATRE, name: "Shed {{run}}" }),
        ...removed("Layout", { ...LAYOUT, name: "Box {{run}}" }),
        ...removed("Screen", { theatreId: "{{theatreId}}", name: "Screen 0",
            layoutId: "{{layoutId}}" }),
    ],

    "catalogue": [
        ["listMovies", { query: { limit: "2" } }],
        ["getMovie"],
        ["getMovieDates"],
        ["getMovieShows", { query: { date: "{{tomorrow}}" } }],
        ["search", { query: { q: "tide" } }],
        ["suggest", { query: { q: "ti" } }],
        ["listTheatres", { query: { near: "12.97,77.59" } }],
        ["getTheatre"],
        ["getTheatreShows"],
        ["getScreen"],
        ["listScreens"],
        ["getRefundPolicy"],
    ],

    "shows": [
        ["listShows"],
        ["getShow"],
        ["getSeatmap"],
        ["getLayout"],
        ["getAvailability"],
    ],

    "accounts": [
        ["register", { body: { ...ACCOUNT, name: "Ann" } }],
        ["login", { body: ACCOUNT, save: { accessToken: "accessToken",
            refreshToken: "refreshToken", accountId: "user.userId" } }],
        ["refresh", { body: { refreshToken: "{{refreshToken}}" },
            save: { accessToken: "accessToken",
                refreshToken: "refreshToken" } }],
        ["getMe", { as: "bearer" }],
        ["patchMe", { as: "bearer" }],
        ["putPassword", { as: "bearer", body: { password: ACCOUNT.password,
            newPassword: "another horse, another staple" },
            save: { accessToken: "accessToken",
                refreshToken: "refreshToken" } }],
        ["putEmail", { as: "bearer", body: { email: "ann{{run}}@example.org",
            password: "another horse, another staple" } }],
        ["logout", { as: "nobody",
            body: { refreshToken: "{{refreshToken}}" } }],
        ["findPerson", { body: { email: "ann{{run}}@example.org" } }],
        ["getPerson", { path: { userId: "{{accountId}}" } }],
        ["patchPerson", { path: { userId: "{{accountId}}" } }],
        ["createPasswordReset", { path: { userId: "{{accountId}}" },
            save: { resetCode: "code" } }],
        ["resetPassword", { body: { code: "{{resetCode}}",
            password: "a third horse, a third staple" } }],
        ["erasePerson", { path: { userId: "{{accountId}}" } }],
        ["register", { name: "An account to erase oneself",
            body: { ...ACCOUNT, name: "Ann" },
            save: { accessToken: "accessToken" } }],
        ["deleteMe", { as: "bearer", body: { password: ACCOUNT.password } }],
        ["createApiKey", { save: { keyId: "keyId" } }],
        ["listApiKeys"],
        ["revokeApiKey"],
    ],

    "messages": [
        ["putNotificationPreferences"],
        ["getNotificationPreferences"],
    ],

    "waiting rooms": [
        ["getRoom"],
        ["setRoom", { body: { phase: "LOBBY", rate: 100 } }],
        ["getRoom", { name: "The room, until its lobby is open",
            wait: { phase: "LOBBY" } }],
        ["joinRoom", { save: { ticket: "ticket" } }],
        ["getDraw"],
        ["setRoom", { name: "The doors open", body: { phase: "OPEN" } }],
        ["getPlace", { headers: { "X-Boxoffice-Ticket": "{{ticket}}" },
            status: [200, 429], wait: { state: "ADMITTED" } }],
        ["getDrawPlaces", { query: { from: "0" } }],
        ["leaveRoom", { headers: { "X-Boxoffice-Ticket": "{{ticket}}" } }],
        ["setRoom", { name: "The room is off again", body: { phase: "OFF" } }],
        ["getRoom", { name: "The room, until it is off",
            wait: { phase: "OFF" } }],
    ],

    "holds": [
        ["createHold", { body: { showId: "{{showId}}", seatIds: ["B1", "B2"] },
            save: { holdId: "holdId" } }],
        ["getHold"],
        ["changeHold", { body: { seatIds: ["B1", "B2", "B3"] } }],
        ["releaseHold"],
        ["createHold", { name: "Hold the best seats", status: [201],
            body: { showId: "{{showId}}", bestAvailable: { count: 2 } } }],
    ],

    "orders": [
        ...ordered(["C1", "C2", "C3"]),
        ["payOrder", { save: { paymentId: "paymentId" } }],
        ["confirmPayment", { body: { paymentId: "mock-ok-{{run}}" } }],
        ["getOrder"],
        ["listOrders"],
        ["getTickets", { save: { code: "tickets.0.code",
            seatId: "tickets.0.seatId" } }],
        ["getTicketPicture", { path: { format: "png" } }],
        ["getTicketKeys"],
        ["quoteRefund", { query: { seatIds: "C3" } }],
        ["cancelOrder", { body: { seatIds: ["C3"] } }],
        ["listRefunds"],
        ["adminGetShowSales"],
    ],

    "check-in": [
        ["checkIn", { as: "staff", body: { code: "{{code}}", showId: "{{showId}}",
            nonce: "{{$guid}}", deviceId: "door-1" },
            save: { checkinId: "checkinId?" } }],
        ["listCheckins", { as: "staff", query: { showId: "{{showId}}" } }],
        ["undoCheckin", { as: "administrator", status: [200, 404] }],
        ["uploadCheckins", { as: "staff", body: { deviceId: "door-2",
            scans: [{ code: "{{code}}", nonce: "{{$guid}}",
                scannedAt: "{{now}}" }] } }],
    ],

    "optimistic": [
        ["getAvailabilityOfShow", { query: { showId: "{{showId}}" } }],
        ["askAvailabilityOfShow", { body: { showId: "{{showId}}" } }],
        ["createBooking", { body: { showId: "{{showId}}", seatIds: ["D5", "D6"],
            paymentMethod: "UPI",
            customer: { name: "Alice Rao", email: "alice@example.com" } },
            save: { bookingId: "bookingId" } }],
        ["completeBooking", { body: { bookingId: "{{bookingId}}",
            paymentId: "mock-ok-b{{run}}" } }],
        ["getBooking", { wait: { status: "CONFIRMED" } }],
    ],

    "a show is cancelled": [
        ["cancelShow"],
        ["getCancellation"],
    ],

    /* What only a fault or a gateway makes: nothing of it is there. */
    "after a fault": [
        ["listQuarantine"],
        ["refundQuarantined", { path: { caseId: NOWHERE }, status: [404] }],
        ["matchQuarantined", { path: { caseId: NOWHERE }, status: [404],
            body: { orderId: "{{orderId}}" } }],
        ["dismissQuarantined", { path: { caseId: NOWHERE }, status: [404] }],
        ["listDeadLetters"],
        ["replayDeadLetter", { path: { deadLetterId: NOWHERE }, status: [404] }],
        ["dropDeadLetter", { path: { deadLetterId: NOWHERE }, status: [404] }],
        ["takeWebhook", { path: { gateway: "nobody" }, status: [404] }],
    ],

    "operation": [
        ["getLive"],
        ["getReady"],
        ["getMetrics"],
    ],

    /* Answers that do not end; newman is not told to run them. */
    "streams": [
        ["getEvents"],
        ["getRoomEvents"],
    ],
};
