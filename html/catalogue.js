/*
 * What is on, as the server tells everybody.  The browser keeps it for as long
 * as the server says, and asks with its ETag after that.
 */

import { read } from "./api.js";


/* "?a=1&b=2" of what has a value. */
export function query(params) {
    const pairs = Object.entries(params)
        .filter(([, value]) => value !== undefined && value !== null
            && value !== "");

    return pairs.length > 0 ? `?${new URLSearchParams(pairs)}` : "";
}


/*
 * path: below the base of the API; params: of its query.  Ids come from the
 * address, and are no part of the path's form.
 */
export async function look(path, params = {}) {
    const { data } = await read(path + query(params), { cache: "default" });

    return data;
}


export function movie(movieId) {
    return look(`/movies/${encodeURIComponent(movieId)}`);
}


/* The days with shows, "2026-11-29", as they are called there. */
export async function movieDays(movieId) {
    const path = `/movies/${encodeURIComponent(movieId)}/availability`;

    return (await look(path)).dates;
}


/* Its shows of a day by theatre; params: date, near, cursor. */
export function movieShows(movieId, params) {
    return look(`/movies/${encodeURIComponent(movieId)}/shows`, params);
}


/* "Drama, Mystery · 1 h 58 min · UA" */
export function facts(film) {
    const n = film.durationMinutes;
    const length = n && [n >= 60 && `${Math.floor(n / 60)} h`,
        n % 60 > 0 && `${n % 60} min`].filter(Boolean).join(" ");

    return [film.genres?.join(", "), length, film.ageRating, film.language,
        film.format].filter(Boolean);
}
