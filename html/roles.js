/* What somebody may be, or a service. */

export const ROLES = {
    CUSTOMER: "Customer",
    STAFF: "Staff",
    ADMIN: "Administrator",
};


/* A field of fields.js, with what else it is. */
export function roleField(more) {
    return { name: "role", label: "Role", type: "choice",
        options: Object.entries(ROLES)
            .map(([value, text]) => ({ value, text })), ...more };
}
