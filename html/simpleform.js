/* A form that sends what is typed, and says what is wrong with it. */

import { announce, busy, h } from "./dom.js";
import { makeField } from "./fields.js";
import { explain } from "./words.js";


/*
 * name: of the ids of its fields.  specs: of fields.js, or made fields.
 * send(values) does it, and rejects with what is shown; a field that is empty
 * has no value.
 *
 * at(error): the name of the field that is to blame, for refusals that do not
 * say it; words(error): what to say of it here, if not what all others say;
 * beside: what is next to the button; kind: of the button.
 */
export function simpleForm(name, specs, button, send,
    { at = () => null, words = () => null, beside, kind = "primary" } = {}) {
    const fields = specs.map((spec) => (spec.el ? spec
        : makeField(spec, name)));

    /* an alert of its own: in a dialog what is outside is not heard */
    const problem = h("p", { class: "notice error", role: "alert",
        hidden: true });
    const submit = h("button", { class: `button ${kind}`, type: "submit" },
        button);

    const failed = (error) => {
        const text = words(error);
        const blamed = error.details?.field || at(error);
        const field = fields.find((each) => each.name === blamed);

        if (field) {
            field.wrong(text || (error.status === 400
                ? "The server does not take this value." : explain(error)));
            field.focus();
            announce(text || explain(error), true);
            return;
        }

        problem.textContent = text || explain(error);
        problem.hidden = false;
    };

    const el = h("form", { class: "form", noValidate: true,
        "aria-label": button, onsubmit: async (event) => {
            const wrong = fields.filter((field) => !field.test());

            event.preventDefault();
            problem.hidden = true;

            if (wrong.length > 0) {
                wrong[0].focus();
                return;
            }

            await busy(submit, "One moment…", async () => {
                try {
                    await send(Object.fromEntries(fields.map(
                        (field) => [field.name, field.value()])));

                } catch (error) {
                    failed(error);
                }
            });
        } }, fields.map((field) => field.el), problem,
    h("div", { class: "actions row-actions" }, beside, submit));

    return { el, set: (values) => fields.forEach((field) => (
        field.set(values[field.name]))) };
}
