/*
 * What administrators change: where it is, what it is called, and its fields.
 *
 * A field: name (in the API), label, type (text unless given: long, number,
 * date, list, json), required, hint, and bounds for the browser's controls.
 * The server has the last word on all of them.
 */

import { facts } from "./catalogue.js";

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
    },
};
