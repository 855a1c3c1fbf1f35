// Keeps the status page up to date: each snapshot of the stream has its part fetched again, drawn by the server.
(() => {
	"use strict";
	const now = document.getElementById("now"), graphs = document.getElementById("graphs");
	const staleAfter = 15000, beatless = 12000, breath = 400, slow = 5000;
	const tags = new Map();
	let source, heard = Date.now(), fetched = 0, opened = 0, timer = 0, busy = false, again = false, silent = false, speaker;

	// Moments in the reader's own zone; those of today without their date.
	const shortly = {hour: "2-digit", minute: "2-digit", hourCycle: "h23"};
	const local = root => root.querySelectorAll("time:not([data-done])").forEach(e => {
		const t = new Date(e.dateTime);
		if (isNaN(t)) return;
		const today = t.toDateString() === new Date().toDateString();
		e.textContent = e.hasAttribute("data-short") || today ? t.toLocaleTimeString([], shortly)
			: t.toLocaleString([], {day: "numeric", month: "short", ...shortly});
		e.title = t.toLocaleString();
		e.setAttribute("data-done", "");
	});

	// Makes one element like another and touches nothing that is alike: focus, selection, scroll and what is unfolded stay.
	const like = (is, should) => {
		if (is.nodeType !== should.nodeType || is.nodeName !== should.nodeName || is.id !== should.id) {
			is.replaceWith(should);
			return;
		}
		if (is.nodeType !== 1) {
			if (is.data !== should.data) is.data = should.data;
			return;
		}
		if (is.nodeName === "TIME" && is.dateTime === should.dateTime && is.hasAttribute("data-short") === should.hasAttribute("data-short")) return;
		for (const {name} of [...is.attributes])
			if (!should.hasAttribute(name) && name !== "open" && name !== "data-said") is.removeAttribute(name);
		for (const {name, value} of should.attributes)
			if (is.getAttribute(name) !== value && name !== "open" && !(is.id === "stale" && name === "hidden")) is.setAttribute(name, value);
		if (is.hasAttribute("data-until") || is.id === "stale-since") return;
		const old = [...is.childNodes], fresh = [...should.childNodes];
		fresh.forEach((f, i) => old[i] ? like(old[i], f) : is.append(f));
		old.slice(fresh.length).forEach(o => o.remove());
	};

	const draw = async (path, into) => {
		const answer = await fetch(path, {headers: tags.has(path) ? {"If-None-Match": tags.get(path)} : {}, cache: "no-store", signal: AbortSignal.timeout(8000)});
		if (answer.status === 304) return;
		if (!answer.ok) throw new Error(answer.statusText);
		tags.set(path, answer.headers.get("ETag"));
		const page = new DOMParser().parseFromString(`<div id="${into.id}" class="parts">${await answer.text()}</div>`, "text/html");
		local(page.body);
		// What is unfolded stays so, also where something new has moved it down.
		into.querySelectorAll("details[open][id]").forEach(d => page.getElementById(d.id)?.setAttribute("open", ""));
		like(into, document.adoptNode(page.body.firstElementChild));
		count();
	};

	const refresh = async () => {
		if (busy) { again = true; return; }
		const wait = fetched + breath - Date.now();
		if (wait > 0) { timer = timer || setTimeout(() => { timer = 0; refresh(); }, wait); return; }
		busy = true;
		fetched = Date.now();
		try { await draw("/part", now); hear(); } catch { /* the stream or the next try tells */ }
		busy = false;
		if (again) { again = false; refresh(); }
	};

	const hear = () => { heard = Date.now(); show(); };
	const show = () => {
		const stale = Date.now() - heard > staleAfter, notice = document.getElementById("stale");
		document.documentElement.classList.toggle("stale", stale);
		if (!notice || notice.hidden === !stale) return;
		document.getElementById("stale-since").textContent = new Date(heard).toLocaleTimeString([], shortly);
		notice.hidden = !stale;
		const hero = document.getElementById("hero");
		if (stale) { hero.dataset.verdict = "silent"; hero.className = "hero calm"; tags.clear(); }
	};
	const count = () => document.querySelectorAll("[data-until]").forEach(e => {
		const left = Math.max(0, Math.round((new Date(e.dataset.until) - Date.now()) / 1000));
		e.textContent = ` (in ${left} s)`;
	});

	// A browser gives a page six connections: one in the background needs none of them.
	const follow = () => {
		if (document.hidden) { source?.close(); source = null; return; }
		// A router that lost its power closes nothing: a stream without a beat is given up, and another one opened.
		const closed = source?.readyState === EventSource.CLOSED, deaf = Date.now() - Math.max(heard, opened) > beatless;
		if (source && !deaf && !(closed && Date.now() - opened > slow)) return;
		source?.close();
		opened = Date.now();
		source = new EventSource("/api/v1/stream");
		source.onopen = refresh;
		source.onmessage = e => {
			const {router, version} = JSON.parse(e.data), by = `${router} ${version}`;
			if (speaker && speaker !== by) { location.reload(); return; } // another router has this address now, or another version
			speaker = by;
			silent = false;
			hear();
			refresh();
		};
		source.addEventListener("beat", e => {
			const was = silent;
			silent = JSON.parse(e.data).daemon !== "ok";
			hear();
			if (silent !== was) refresh();
		});
	};

	local(document);
	count();
	follow();
	document.addEventListener("visibilitychange", () => { follow(); if (!document.hidden) refresh(); });
	setInterval(() => { show(); count(); follow(); }, 1000);
	setInterval(() => { if (!document.hidden && source?.readyState !== EventSource.OPEN) refresh(); }, slow);
	setInterval(() => { if (!document.hidden) draw("/graphs", graphs).catch(() => {}); }, 60000);
})();
