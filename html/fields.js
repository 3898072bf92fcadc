/*
 * Fields of forms, by a table such as those of kinds.js: what is shown, what
 * is sent.
 */

import { h } from "./dom.js";
import { amountOf, plainMoney } from "./format.js";
import { momentOf, onTheClock } from "./zone.js";


/* text: what the control shows; value: what the API takes; undefined: not
 * given.  value() throws a sentence for who typed. */
const types = {
    text: {
        text: (value) => value ?? "",
        value: (text) => text || undefined,
    },

    number: {
        text: (value) => String(value ?? ""),
        value: (text, { min, max, step }) => {
            const n = Number(text);

            if (text === "") {
                return undefined;
            }

            if (!Number.isFinite(n) || n < min || n > max
                || (step !== "any" && !Number.isInteger(n)))
            {
                throw `Please enter ${step === "any" ? "a" : "a whole"} `
                    + `number from ${min} to ${max}.`;
            }

            return n;
        },
    },

    list: {
        text: (value) => (value || []).join(", "),
        value: (text) => text.split(",").map((each) => each.trim())
            .filter(Boolean),
    },

    json: {
        text: (value) => (value && Object.keys(value).length > 0
            ? JSON.stringify(value, null, 2) : ""),
        value: (text) => {
            let value;

            if (text === "") {
                return {};
            }

            try {
                value = JSON.parse(text);

            } catch (error) {
                throw `This is no JSON: ${error.message}`;
            }

            if (typeof value !== "object" || value === null
                || Array.isArray(value))
            {
                throw "Please enter a JSON object, in { and }.";
            }

            return value;
        },
    },
};

/* on the clock of spec.timezone */
types.moment = {
    text: (value, { timezone }) => (value ? onTheClock(value, timezone) : ""),
    value: (text, { timezone }) => {
        if (text === "") {
            return undefined;
        }

        const moment = momentOf(text, timezone);

        if (moment === null) {
            throw "There is no such time there: the clocks are put forward.";
        }

        return moment;
    },
};

/* in spec.currency */
types.money = {
    text: (value, { currency }) => (value === undefined ? ""
        : plainMoney(value, currency)),
    value: (text, { currency }) => {
        const amount = amountOf(text, currency);

        if (text !== "" && amount === null) {
            throw "Please enter an amount, such as 250 or 249.50.";
        }

        return text === "" ? undefined : amount;
    },
};

types.flag = {
    text: (value) => String(value ?? true),
    value: (text) => text === "true",
};

types.long = types.text;
types.date = types.text;
types.choice = types.text;


function control(spec, id) {
    const common = { id, name: spec.name, autocomplete: "off" };

    if (spec.type === "long" || spec.type === "json") {
        return h("textarea", { ...common, rows: spec.rows || 5,
            maxLength: spec.max || 20000, spellcheck: spec.type === "long",
            class: spec.type === "json" ? "code" : null });
    }

    if (spec.type === "moment") {
        return h("input", { ...common, type: "datetime-local" });
    }

    if (spec.type === "choice" || spec.type === "flag") {
        return h("select", common, spec.options.map(({ value, text }) => (
            h("option", { value }, text))));
    }

    if (spec.type === "number") {
        return h("input", { ...common, type: "number", min: spec.min,
            max: spec.max, step: spec.step || 1 });
    }

    if (spec.type === "date") {
        return h("input", { ...common, type: "date" });
    }

    return h("input", { ...common, type: spec.input || "text",
        maxLength: spec.max || 1000,
        autocomplete: spec.autocomplete || "off" });
}


/*
 * spec may have, beside what kinds.js says: input, the control's own type, and
 * autocomplete.  {el, name, label, test(), value(), set(value), show(value), raw(),
 * setRaw(text), wrong(text), focus()}
 */
export function makeField(spec, prefix = "field") {
    const id = `${prefix}-${spec.name}`;
    const type = types[spec.type || "text"];
    const input = control(spec, id);
    const error = h("span", { class: "field-error", id: `${id}-error`,
        hidden: true });

    /* blanks around are a mistake, but in a password */
    const typed = () => (input.type === "password" ? input.value
        : input.value.trim());

    const wrong = (text) => {
        error.textContent = text;
        error.hidden = text === "";
        input.setAttribute("aria-invalid", String(text !== ""));

        return text === "";
    };

    const test = () => {
        /* a browser has no text of what is no number */
        if (input.validity.badInput) {
            return wrong("Please enter a number, or a date.");
        }

        if (spec.required && typed() === "") {
            return wrong("This is needed.");
        }

        try {
            type.value(typed(), spec);

            return wrong("");

        } catch (text) {
            return wrong(String(text));
        }
    };

    input.setAttribute("aria-describedby", spec.hint
        ? `${id}-hint ${id}-error` : `${id}-error`);

    if (spec.required) {
        input.setAttribute("aria-required", "true");
    }

    /* once it was wrong, say at once when it is right */
    input.addEventListener("input", () => error.hidden || test());

    return {
        name: spec.name,
        label: spec.label,
        test,
        wrong,
        value: () => type.value(typed(), spec),
        set: (value) => {
            input.value = type.text(value, spec);
            wrong("");
        },
        show: (value) => type.text(value, spec),
        raw: () => input.value,
        setRaw: (text) => {
            input.value = text;
        },
        focus: () => input.focus(),
        el: h("div", { class: `field of-${spec.type || "text"}` },
            h("label", { for: id }, spec.required ? `${spec.label} (needed)`
                : spec.label),
            spec.hint && h("span", { class: "muted", id: `${id}-hint` },
                spec.hint),
            input, error),
    };
}
