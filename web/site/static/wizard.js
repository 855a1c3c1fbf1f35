// Shows what happens at the ports while somebody unplugs cables. Without it the page has a button to look again.
"use strict";
(() => {
	const form = document.querySelector("form[data-ports]");
	if (!form) return;
	const news = document.querySelector("[data-port-news]");
	const touched = new Set(), carriers = new Map();
	form.addEventListener("change", (event) => touched.add(event.target.name));

	const say = (text) => {
		news.textContent = text;
		news.hidden = false;
	};

	const show = (port) => {
		const field = Array.from(form.querySelectorAll("[data-port]")).find((f) => f.dataset.port === port.name);
		if (!field) {
			if (!carriers.has(port.name)) say("There is a new port, " + port.name + ". Press Look again.");
			return;
		}
		const tag = field.querySelector("[data-cable]"), found = field.querySelector("[data-found]");
		tag.textContent = port.carrier ? "cable plugged in" : "no cable";
		tag.classList.toggle("good", port.carrier);
		if (found && port.text && found.textContent !== port.text) found.textContent = port.text;
		if (!port.use || touched.has(port.id)) return;
		const proposed = Array.from(field.querySelectorAll("input")).find((i) => i.value === port.use);
		if (proposed && !proposed.checked) proposed.checked = true;
	};

	const look = async () => {
		try {
			const answer = await fetch(form.dataset.ports, { cache: "no-store", signal: AbortSignal.timeout(5000) });
			if (!answer.ok) return;
			for (const port of await answer.json()) {
				show(port);
				const before = carriers.get(port.name);
				if (before !== undefined && before !== port.carrier) {
					say(port.carrier ? "You plugged something into " + port.name + "." : "You unplugged " + port.name + ".");
				}
				carriers.set(port.name, port.carrier);
			}
		} catch {
			// the cable to this browser may be the one that was unplugged: the next look finds it again
		}
	};
	const again = async () => {
		if (!document.hidden) await look();
		setTimeout(again, 1000);
	};
	again();
})();
