// What the owner's pages do more where there is a script. None of them needs it.
"use strict";
(() => {
	const each = (selector, f) => document.querySelectorAll(selector).forEach(f);
	const pause = (ms) => new Promise((done) => setTimeout(done, ms));

	// Another origin's answer is not ours to read; that there is one is enough.
	const answers = async (origin) => {
		try {
			const answer = await fetch(origin + "/here", { mode: "no-cors", cache: "no-store", signal: AbortSignal.timeout(2000) });
			return answer.ok || answer.type === "opaque";
		} catch {
			return false;
		}
	};

	// The numbers beside the text follow it, and the text stays as high as its lines.
	each(".editor", (editor) => {
		const text = editor.querySelector("textarea"), numbers = editor.querySelector(".lines");
		let shown = text.value.split("\n").length;
		text.addEventListener("input", () => {
			const lines = text.value.split("\n").length;
			if (lines === shown) return;
			shown = text.rows = lines;
			numbers.textContent = Array.from({ length: lines }, (_, i) => i + 1).join("\n") + "\n";
		});
	});

	// A second click asks for nothing. Back in the history the form works again.
	each("form[data-once]", (form) => {
		form.addEventListener("submit", (event) => {
			if (form.dataset.sent) event.preventDefault();
			form.dataset.sent = "yes";
			setTimeout(() => delete form.dataset.sent, 10000);
		});
	});
	addEventListener("pageshow", () => each("form[data-sent]", (form) => delete form.dataset.sent));

	// What was typed is sent only where somebody takes it: until then it stays here.
	each("form[data-keep]", (form) => {
		form.addEventListener("submit", async (event) => {
			if (event.defaultPrevented || form.dataset.taken) return;
			event.preventDefault();
			let said;
			while (!(await answers(""))) {
				if (!said) {
					said = document.createElement("p");
					said.setAttribute("role", "alert");
					said.className = "notice warn";
					said.textContent = "The router does not answer at the moment. Your text stays here, and is sent when it does.";
					form.append(said);
				}
				await pause(1000);
			}
			form.dataset.taken = "yes";
			delete form.dataset.sent;
			form.requestSubmit(event.submitter);
			delete form.dataset.taken;
		});
	});

	// A form that met a restarting router goes on by itself.
	each("form[data-retry]", async (form) => {
		form.querySelector("[data-said]").textContent = "This page goes on by itself when it is back.";
		do await pause(1000); while (!(await answers("")));
		form.requestSubmit();
	});

	const span = (s) => (s < 60 ? s + " s" : Math.floor(s / 60) + " min" + (s % 60 ? " " + (s % 60) + " s" : ""));

	// Seconds are counted from when the page came, whatever the clock of this computer says.
	each("[data-countdown]", (place) => {
		const end = performance.now() + 1000 * place.dataset.countdown;
		const tick = async () => {
			const left = Math.max(0, Math.ceil((end - performance.now()) / 1000));
			place.textContent = left || !place.dataset.over ? span(left) : place.dataset.over;
			if (left) return;
			clearInterval(timer);
			if (!place.dataset.then) return;
			do await pause(1000); while (!(await answers(""))); // it may be on its way back to this address
			location.replace(place.dataset.then);
		};
		const timer = setInterval(tick, 250);
		tick();
	});

	// While the login waits, its button does as well.
	each("form[data-wait]", (form) => {
		const button = form.querySelector("button");
		button.disabled = true;
		setTimeout(() => (button.disabled = false), 1000 * form.dataset.wait);
	});

	// The router is on its way to another address: go there when it answers.
	each("[data-seek]", async (list) => {
		const links = [...list.querySelectorAll("a")].filter((a) => a.protocol === location.protocol);
		const said = document.querySelector("[data-said]");
		if (!links.length) return;
		said.textContent = "This page looks for it, and goes there by itself.";
		for (;;) {
			for (const link of links) {
				if (await answers(link.origin)) return location.replace(link.href);
			}
			await pause(1000);
		}
	});

	// A pass is good once, so it is of no use in the history.
	const here = new URL(location.href);
	if (here.searchParams.has("pass")) {
		here.searchParams.delete("pass");
		history.replaceState(null, "", here);
	}
})();
