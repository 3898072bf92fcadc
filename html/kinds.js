/*
 * What administrators change: where it is, what it is called, and its fields.
 * What differs from kind to kind may be given, too:
 *
 *   given(params)         what a new one has beside its fields, of the address
 *   back(object)          the link above the form
 *   stamp(object)         what is said of it beside its version
 *   after(object, form)   what is below the form
 *   fixed(object)         true: it cannot be changed any more
 *   nav                   the link of the menu it is under, if not its own
 *   removable             false: there is no way to remove it
 *   object(data)          the object of what the API answers
 *
 * A field: name (in the API), label, type (text unless given: long, number,
 * date, list, json), required, hint, and bounds for the browser's controls.
 * The server has the last word on all of them.
 */

import { read } from "./api.js";
import { facts, query } from "./catalogue.js";
import { buttonLink, h } from "./dom.js";
import { count, dayTime } from "./format.js";
import { layoutSeats } from "./layouts.js";
import { listSection } from "./list.js";
import { showParts } from "./show.js";

/* more than can be chosen from in one list, nobody chooses from */
const CHOICES = 1000;

/* of the rule about single seats */
export const ALONE = [{ value: "true", text: "No" },
    { value: "false", text: "Yes" }];

const METADATA = { name: "metadata", label: "What else is known",
    type: "json",
    hint: "A JSON object, such as {\"tags\": [\"sea\"]}" };


export const kinds = {
    movies: {
        name: "movies",
        path: "/admin/movies",
        id: "movieId",
        one: "movie",
        many: "Movies",
        title: (movie) => movie.title,
        about: (movie) => [movie.releaseDate, ...facts(movie)]
            .filter(Boolean).join(" · "),
        fields: [
            { name: "title", label: "Title", required: true, max: 255 },
            { name: "about", label: "About", type: "long", max: 4000 },
            { name: "genres", label: "Genres", type: "list",
                hint: "With commas between them" },
            { name: "language", label: "Language", max: 40 },
            { name: "format", label: "Format", max: 40,
                hint: "Such as 2D or IMAX" },
            { name: "durationMinutes", label: "Minutes", type: "number",
                min: 1, max: 1440 },
            { name: "ageRating", label: "Age rating", max: 20 },
            { name: "rating", label: "Rating, 0 to 10", type: "number",
                min: 0, max: 10, step: "any" },
            { name: "releaseDate", label: "Released on", type: "date" },
            { name: "thumbnailUrl", label: "Address of its picture",
                max: 1000, hint: "https://…" },
            METADATA,
        ],
        after: ({ movieId }) => [links({ movieId })],
    },

    theatres: {
        name: "theatres",
        path: "/admin/theatres",
        id: "theatreId",
        one: "theatre",
        many: "Theatres",
        title: (theatre) => theatre.name,
        about: (theatre) => [theatre.city, theatre.timezone]
            .filter(Boolean).join(" · "),
        fields: [
            { name: "name", label: "Name", required: true, max: 255 },
            { name: "address", label: "Address", max: 500 },
            { name: "city", label: "City", max: 255 },
            { name: "timezone", label: "Time zone", required: true, max: 64,
                hint: "Of the IANA database, such as Asia/Kolkata" },
            { name: "latitude", label: "Latitude", type: "number",
                min: -90, max: 90, step: "any" },
            { name: "longitude", label: "Longitude", type: "number",
                min: -180, max: 180, step: "any" },
            METADATA,
        ],
        after: async ({ theatreId }) => [links({ theatreId }),
            await listSection(kinds.screens, { theatreId })],
    },

    screens: {
        name: "screens",
        path: "/admin/screens",
        id: "screenId",
        one: "screen",
        many: "Screens",
        nav: "theatres",
        title: (screen) => screen.name,
        about: (screen) => `${count(screen.seats, "seat")} · `
            + screen.layoutName,
        stamp: (screen) => screen.theatreName,
        given: ({ theatreId }) => ({ theatreId }),
        back: ({ theatreId }) => h("a", { class: "back",
            href: `#/theatres/${theatreId}` }, "The theatre"),
        fields: async (screen) => [
            { name: "name", label: "Name", required: true, max: 255 },
            { name: "layoutId", label: "Layout", type: "choice",
                options: await layouts(screen),
                hint: "Shows that are there keep theirs" },
        ],
        after: ({ screenId, layoutId }) => [
            links({ screenId }, buttonLink(`#/layouts/${layoutId}`,
                "Its layout", "quiet"))],
    },

    layouts: {
        name: "layouts",
        path: "/admin/layouts",
        id: "layoutId",
        one: "layout",
        many: "Layouts",
        title: (layout) => layout.name,
        about: (layout) => `${count(layout.seats, "seat")} · `
            + count(layout.screens, "screen"),
        fields: [
            { name: "name", label: "Name", required: true, max: 255 },
        ],
        after: async (layout, form) => [await layoutSeats(layout, form)],
    },

    shows: {
        name: "shows",
        path: "/admin/shows",
        id: "showId",
        one: "show",
        many: "Shows",
        removable: false,
        title: (show) => show.movieTitle,
        stamp: (show) => `${dayTime(show.startsAt, show.timezone)} · `
            + `${show.theatreName}, ${show.screenName}`
            + (show.status === "CANCELLED" ? " · called off"
                : Date.parse(show.startsAt) <= Date.now() ? " · has begun"
                    : ""),
        fixed: (show) => show.status !== "SCHEDULED"
            || Date.parse(show.startsAt) <= Date.now(),
        object: (show) => ({ ...show, durationMinutes:
            (Date.parse(show.endsAt) - Date.parse(show.startsAt)) / 60000 }),
        fields: ({ timezone }) => [
            { name: "startsAt", label: "Begins", type: "moment",
                required: true, timezone,
                hint: `On the clock there: ${timezone}` },
            { name: "durationMinutes", label: "Minutes", type: "number",
                required: true, min: 1, max: 1440 },
            { name: "orphanRule", label: "A single seat may be left alone",
                type: "flag", options: ALONE },
        ],
        after: showParts,
    },
};


/* To the shows of something, and to new ones. */
function links(filter, ...others) {
    return h("p", { class: "row-actions links" },
        buttonLink(`#/shows${query(filter)}`, "Its shows", "quiet"),
        !filter.theatreId && buttonLink(`#/shows/new${query(filter)}`,
            "New shows", "quiet"),
        others);
}


/* Those that a screen may get, the one it has first. */
async function layouts(screen) {
    const all = [];
    let cursor = null;

    do {
        const { data } = await read(`/admin/layouts${query({ limit: 100,
            cursor })}`);

        all.push(...data.items);
        cursor = data.nextCursor;
    } while (cursor && all.length < CHOICES);

    const option = ({ layoutId, name, seats }) => ({ value: layoutId,
        text: `${name} (${count(seats, "seat")})` });

    return [...screen ? [{ value: screen.layoutId,
        text: `${screen.layoutName} (${count(screen.seats, "seat")})` }] : [],
    ...all.filter(({ layoutId }) => layoutId !== screen?.layoutId)
        .map(option)];
}
