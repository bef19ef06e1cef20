// Puts the page together.

// --- what the run was ---

function makeHead() {
	const when = new Date(run.started);
	const parts = [run.name && run.name !== run.title ? run.name : null, run.host ? "on " + run.host : null,
		when.toLocaleString(undefined, {dateStyle: "medium", timeStyle: "short"}),
		run.user ? "by " + run.user : null,
		run.directory ? "in " + run.directory : null].filter((part) => part);
	const about = byId("about");
	const bad = run.exit > 0 || run.state === "interrupted";
	if (run.exit >= 0 || run.state !== "finished")
		about.append(element("span", {class: bad ? "chip bad" : "chip"},
			run.state === "finished" ? "exit " + run.exit : run.state));
	for (const part of parts)
		about.append(element("span", {}, name(part)));
	const warnings = [];
	if (run.lost)
		warnings.push(whole(run.lost) + " of " + whole(run.produced) +
			" events were lost: totals cover what was seen, and some processes may have no costs.");
	if (run.state === "interrupted")
		warnings.push("The recording was interrupted: what follows ends with the last second that was written.");
	if (run.state === "recording")
		warnings.push("The recording is not over: this is how it stood when the page was made.");
	byId("warning").textContent = warnings.join(" ");
	byId("warning").hidden = !warnings.length;
	byId("footer").append("Made by sonde " + run.sonde + " from run " + run.id +
		(run.kernel ? ", Linux " + run.kernel : "") + (run.model ? ", " + run.model : "") +
		". Sampled every " + duration(run.interval) +
		(run.produced === undefined ? "; it is not known what sonde itself used, and whether it lost events" :
			"; sonde itself used " + duration(run.overhead / 1000) + " of CPU" + (run.lost ? "" : ", and lost nothing")) + ".");
}

function waited(ratio) {
	if (!ratio)
		return "";
	return ratio < 1 ? percent(ratio) + " on top of CPU time" : digits(ratio) + " times the CPU time";
}

function makeTotals() {
	const total = data.total[0] || {}, wall = run.wall, cpu = (total.cpu || 0) / 1000;
	const busy = wall ? cpu / wall : 0,
		peak = Math.max(total.together || 0, total.memory || 0, data.size.peak_memory);
	const limit = run.limit || run.memory;
	const add = (label, value, more, bad) => byId("totals").append(element("div", {}, element("dt", {}, label),
		element("dd", {}, value),
		element("dd", {class: bad ? "more bad" : "more"}, more)));
	add("Wall time", duration(wall), "");
	add("CPU time", duration(cpu), cores(busy) + (cpuLimit ? " of " + cpuLimit : "") + " cores on average");
	add("Waited for a CPU", duration((total.cpu_wait || 0) / 1000),
		waited(cpu ? (total.cpu_wait || 0) / 1000 / cpu : 0));
	add("Peak memory", bytes(peak), limit ? percent(peak / limit) + " of " + bytes(limit) : "");
	add("Disk", bytes((total.disk_read || 0) + (total.disk_write || 0)),
		bytes(total.disk_read || 0) + " read, " + bytes(total.disk_write || 0) + " written");
	if (total.received || total.sent)
		add("Network", bytes((total.received || 0) + (total.sent || 0)),
			bytes(total.received || 0) + " in, " + bytes(total.sent || 0) + " out");
	add("Processes", whole(count), total.failures ? whole(total.failures) + " failed" : "none failed",
		total.failures);
}

function makeFindings() {
	const list = byId("findings");
	for (const finding of data.findings)
		list.append(element("li", {},
			element("button", {type: "button", class: "finding " + finding.sureness,
			"aria-pressed": "false", onclick: (event) => openFinding(finding, event.currentTarget)},
			element("span", {class: "finding-title"}, name(finding.title)),
			element("span", {class: "finding-more"},
				[finding.sureness, finding.lost ? "about " + duration(finding.lost) :
				""].filter((part) => part).join(" · ")),
			element("span", {class: "finding-evidence"}, name(finding.evidence)),
			finding.advice ? element("span", {class: "finding-advice"}, name(finding.advice)) : null)));
	if (!data.findings.length)
		list.replaceWith(element("p", {class: "lead"},
			"Nothing stood out: no waste, no waiting and no limit worth a word."));
}

function unpress() {
	for (const button of document.querySelectorAll(".finding[aria-pressed=true]"))
		button.setAttribute("aria-pressed", "false");
}

function openFinding(finding, button) {
	if (view.finding === finding) {
		letGo();
		return;
	}
	unpress();
	button.setAttribute("aria-pressed", "true");
	if (finding.task >= 0 && MODES.tasks.there)
		setMode("tasks");
	else if (finding.tool >= 0 || finding.process >= 0)
		setMode("tools");
	byId("search").value = "";
	view.finding = finding;
	const about = finding.tool >= 0 || finding.task >= 0 || finding.process >= 0;
	mark(about ? meant(finding) : null);
	byId("matches").textContent = "";
	const room = (finding.to - finding.from) * 0.05 + 10;
	show(finding.from - room, finding.to + room);
	if (finding.process >= 0)
		choose(made.of(finding.process), true);
	else if (about && order().length)
		scrollTo(order()[0]);
	byId("timeline-section").scrollIntoView({behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ?
		"auto" : "smooth", block: "start"});
	byId("spoken").textContent = "The timeline shows: " + finding.title;
}

// Shows some processes and fades the others.
function spotlight(label, marked, mode) {
	unpress();
	view.finding = null;
	if (mode)
		setMode(mode);
	byId("search").value = "";
	mark(marked);
	const list = order();
	byId("matches").textContent = label;
	if (list.length)
		scrollTo(list[0]);
}

function letGo() {
	unpress();
	view.finding = null;
	byId("search").value = "";
	byId("matches").textContent = "";
	choose(-1);
	mark(null);
	if (openPanel === "processes")
		showPanel("processes");
}

// --- the critical path ---

function makePath() {
	if (!data.critical.length) {
		byId("path-section").hidden = true;
		byId("path").hidden = true;
		return;
	}
	const byTool = new Map();
	for (const one of data.critical) {
		const key = one[0] < 0 ? -1 : toolOf[one[0]];
		const row = byTool.get(key) || {tool: key, length: 0, links: 0, longest: null, spent: [0, 0, 0, 0, 0]};
		row.length += one[2] - one[1];
		row.links++;
		spentOf(one).forEach((value, i) => { row.spent[i] += value; });
		if (!row.longest || one[2] - one[1] > row.longest[2] - row.longest[1])
			row.longest = one;
		byTool.set(key, row);
	}
	const rows = [...byTool.values()].sort((a, b) => b.length - a.length);
	const all = rows.reduce((sum, row) => sum + row.length, 0) || 1;
	const label = (row) => row.tool < 0 ? "nothing of the run" : toolNames[row.tool];
	const bar = byId("path-bar");
	for (const row of rows) {
		const part = element("span", {title: label(row) + ", " + percent(row.length / all)});
		part.style.flexGrow = String(row.length / all * 1000);
		part.style.backgroundColor = "var(--tool-" + (row.tool < 0 ? PALETTE : colorOfTool[row.tool]) + ")";
		bar.append(part);
	}
	bar.setAttribute("aria-label",
		"Time on the critical path: " +
		rows.slice(0, 6).map((row) => label(row) + " " + percent(row.length / all)).join(", "));
	byId("path-table").append(new Table({label: "Tools on the critical path", rows: rows.keys(), sort: "On the path",
		columns: [
		words("Tool", (i) => label(rows[i]), (i) => rows[i].tool < 0 ? PALETTE : colorOfTool[rows[i].tool]),
		time("On the path", (i) => rows[i].length),
		{label: "Share", value: (i) => rows[i].length, say: (i) => percent(rows[i].length / all)},
		number("Links", (i) => rows[i].links),
		...SPENT.map((what, kind) => time(what[0].toUpperCase() + what.slice(1), (i) => rows[i].spent[kind])),
	], pick: (i) => {
		const longest = rows[i].longest;
		if (longest[0] >= 0)
			chooseProcess(longest[0]);
		else
			show(longest[1], longest[2]);
	}}).element);
}

function togglePath() {
	view.path = !view.path && data.critical.length > 0;
	byId("path").setAttribute("aria-pressed", String(view.path));
	redraw();
}

// --- right size ---

function makeSize() {
	const need = data.size;
	if (!need || !need.cpus) {
		byId("size-section").hidden = true;
		return;
	}
	byId("size-lead").append(element("strong", {},
		need.cpus + (need.cpus === 1 ? " CPU" : " CPUs") + (need.memory_unknown ? "" : " and " + bytes(need.memory))),
		" would do: it used " + cores(need.mean_cpus) + " cores on average and " + cores(need.peak_cpus) +
			" at most, and " + bytes(need.peak_memory) +
		(need.memory_unknown ? " of memory. How much memory it needs is not known, only that it is more: a process was " +
			need.memory_unknown + "." :
			" of memory; " + percent(need.headroom) + " of memory is headroom.") +
			(need.duration && need.duration > run.wall * 1.02 ? " It would take about " +
			duration(need.duration) + "." : "") +
			(run.cpus ? " This machine has " + run.cpus + " CPUs and " + bytes(run.memory) + "." : ""));
	makeOffers(need);
	makeGroups(need.groups);
}

function makeOffers(need) {
	const rows = [...(need.offers || [])];
	if (need.host)
		rows.push(Object.assign({}, need.host, {here: true}));
	if (!rows.length)
		return;
	const money = (value, row) => (value < 0.01 ? value.toPrecision(2) : value.toFixed(2)) + " " + row.currency;
	const hours = (row) => (row.here ? run.wall : need.duration || run.wall) / 3600e6;
	byId("size-table").append(new Table({label: "Machines that fit", rows: rows.keys(), sort: "An hour",
		descending: false,
		columns: [
		words("Machine", (i) => rows[i].name + (rows[i].here ? " (nearest to this one)" : "")),
		words("Provider", (i) => [rows[i].provider, rows[i].region].filter((part) => part).join(", ")),
		number("CPUs", (i) => rows[i].cpus), size("Memory", (i) => rows[i].memory),
		{label: "An hour", value: (i) => rows[i].price, say: (i) => money(rows[i].price, rows[i])},
		{label: "This run", value: (i) => rows[i].price * hours(rows[i]),
			say: (i) => money(rows[i].price * hours(rows[i]), rows[i])},
	]}).element, element("p", {class: "hint"},
		need.source || need.date ? "Prices: " + [need.source, need.date].filter((part) => part).join(", ") + "." : ""));
}

function makeGroups(groups) {
	if (!groups.length)
		return;
	byId("size-table").append(element("h3", {class: "within"}, "Each task"),
		new Table({label: "What each task needs", rows: groups.keys(), sort: "CPUs", columns: [
		words("Group", (i) => groups[i].name), number("CPUs", (i) => groups[i].cpus),
		{label: "Memory", help: "with headroom", value: (i) => groups[i].memory_unknown ? Infinity : groups[i].memory,
			say: (i) => groups[i].memory_unknown ? "more (" + groups[i].memory_unknown + ")" : bytes(groups[i].memory)},
		size("Peak memory", (i) => groups[i].peak_memory),
		{label: "Mean CPUs", value: (i) => groups[i].mean_cpus, say: (i) => cores(groups[i].mean_cpus)},
		{label: "Peak CPUs", value: (i) => groups[i].peak_cpus, say: (i) => cores(groups[i].peak_cpus)},
		time("Takes", (i) => groups[i].duration, "on average"),
	], pick: (i) => spotlight(groups[i].name,
		markOf((p) => taskOf[p] >= 0 && data.tasks.group[taskOf[p]] === groups[i].name), "tasks")}).element);
}

// --- around the timeline ---

function makeModes() {
	for (const [key, mode] of Object.entries(MODES))
		if (mode.there)
			byId("modes").append(element("button",
				{type: "button", "data-mode": key, "aria-pressed": "false",
				onclick: () => setMode(key)}, mode.label));
}

function nextMode() {
	const keys = Object.keys(MODES).filter((key) => MODES[key].there);
	setMode(keys[(keys.indexOf(view.mode) + 1) % keys.length]);
}

function legend() {
	const entries = view.mode === "tasks" ? [] : data.tools.filter((tool) => colorOfTool[tool.index] < PALETTE)
		.map((tool) => element("li", {}, swatch(colorOfTool[tool.index]), name(tool.name)));
	if (view.mode !== "tasks" && data.tools.length > entries.length)
		entries.push(element("li", {}, swatch(PALETTE), "others"));
	if (failures.length) {
		const made = element("span", {class: "swatch failing", "aria-hidden": "true"});
		entries.push(element("li", {}, made, "failed"));
	}
	byId("legend").replaceChildren(...entries);
}

let searching = 0;

byId("search").addEventListener("input", () => {
	clearTimeout(searching);
	searching = setTimeout(runSearch, 80);
});
byId("search").addEventListener("keydown", (event) => {
	if (event.key === "Enter") {
		clearTimeout(searching);
		runSearch();
		step(event.shiftKey ? -1 : 1);
	} else if (event.key === "Escape") {
		letGo();
		timeline.focus();
	}
});

function runSearch() {
	const marked = search(byId("search").value);
	unpress();
	view.finding = null;
	mark(marked);
	const found = marked ? marked.reduce((sum, one) => sum + one, 0) : 0;
	byId("matches").textContent = marked ? whole(found) + " of " + whole(count) : "";
	if (found && view.selected < 0)
		scrollTo(order()[0]);
	if (openPanel === "processes")
		showPanel("processes");
}

byId("zoom-in").addEventListener("click", () => zoom(0.5));
byId("zoom-out").addEventListener("click", () => zoom(2));
byId("zoom-fit").addEventListener("click", fit);
byId("path").addEventListener("click", togglePath);

// --- light and dark; the page's head chose one ---

function setTheme(theme) {
	document.documentElement.dataset.theme = theme;
	readColors();
	draw();
}

function toggleTheme() {
	const theme = document.documentElement.dataset.theme === "dark" ? "light" : "dark";
	try {
		localStorage.setItem("sonde-theme", theme);
	} catch {
		// a file opened from a disk may have no storage
	}
	setTheme(theme);
}

byId("theme").addEventListener("click", toggleTheme);

// --- help, print, start ---

byId("help-open").addEventListener("click", () => byId("help").showModal());
byId("help-keys").append(...[["In the timeline", KEYS],
	["Anywhere", PAGE_KEYS]].map(([label, keys]) => element("div", {},
	element("h3", {}, label), element("dl", {class: "keys"}, ...keys.flatMap(([key, what]) =>
		[element("dt", {}, ...key.split(" ").map((one) => element("kbd", {}, one))),
			element("dd", {}, what)])))));

// On paper: light, the timeline as wide as is legible there, no more rows than are read, and the tables one below the
// other.
let before = null;
window.addEventListener("beforeprint", () => {
	before = {theme: document.documentElement.dataset.theme, height: lanes.style.height};
	document.documentElement.dataset.theme = "light";
	timeline.style.width = "960px";
	lanes.style.height = Math.min(made.total, 460) + "px";
	view.cursor = null;
	readColors();
	draw();
	const out = [];
	for (const key of ["tools", "tasks", "failures", "containers", "users", "peers", "drops"]) {
		if (!PANELS[key].count)
			continue;
		const table = PANELS[key].make(), total = table.rows.length;
		table.rows = table.rows.slice(0, 30);
		table.fill(true);
		out.push(element("section", {}, element("h2", {}, PANELS[key].label), table.element,
			total > 30 ? element("p", {class: "hint"}, "and " + whole(total - 30) + " more") : ""));
	}
	byId("printed").replaceChildren(...out);
});
window.addEventListener("afterprint", () => {
	byId("printed").replaceChildren();
	timeline.style.width = "";
	lanes.style.height = before.height;
	setTheme(before.theme);
});

makeHead();
makeTotals();
makeFindings();
makeModes();
makePath();
makeSize();
readColors();
measure();
setMode(MODES.tasks.there ? "tasks" : "tools");
fit();
draw();
makeTabs();
new ResizeObserver(() => {
	view.cursor = null;
	resized();
}).observe(lanes);
document.documentElement.dataset.ready = String(Math.round(performance.now()));
