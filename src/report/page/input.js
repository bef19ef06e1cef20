// Pointer and keys on the timeline, what is told of what they point at, and the panel for what was chosen.

const tip = byId("tip"), details = byId("details");
let drag = null;

const inTimeline = () => timeline.contains(document.activeElement);

timeline.addEventListener("wheel", (event) => {
	const x = event.clientX - lanes.getBoundingClientRect().left;
	if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
		pan((event.deltaX || event.deltaY) * view.scale);
	} else if (event.ctrlKey || event.metaKey || event.altKey || inTimeline()) {
		const amount = Math.max(-120, Math.min(120, event.deltaY * (event.deltaMode ? 30 : 1)));
		zoom(Math.exp(amount * (event.ctrlKey && Math.abs(event.deltaY) < 30 ? 0.012 : 0.003)),
			view.time(Math.max(view.left, x)));
	} else {
		return;
	}
	event.preventDefault();
}, {passive: false});

timeline.addEventListener("pointerdown", (event) => {
	if (event.button !== 0 || event.offsetX > lanes.clientWidth && event.target === lanes)
		return;
	drag = {x: event.clientX, y: event.clientY, from: view.from, to: view.to, top: lanes.scrollTop, moved: false};
	timeline.setPointerCapture(event.pointerId);
});

timeline.addEventListener("pointermove", (event) => {
	if (!drag) {
		hover(event);
		return;
	}
	const dx = event.clientX - drag.x, dy = event.clientY - drag.y;
	if (!drag.moved && Math.hypot(dx, dy) < 4)
		return;
	drag.moved = true;
	timeline.classList.add("dragging");
	hideTip();
	show(drag.from - dx * view.scale, drag.to - dx * view.scale);
	lanes.scrollTop = drag.top - dy;
});

timeline.addEventListener("pointerup", (event) => {
	const clicked = drag && !drag.moved;
	drag = null;
	timeline.classList.remove("dragging");
	if (!clicked)
		return;
	timeline.focus({preventScroll: true});
	hover(event);
	if (view.link >= 0 && data.critical[view.link][0] >= 0)
		choose(made.of(data.critical[view.link][0]));
	else
		choose(view.hover);
});
timeline.addEventListener("pointercancel", () => { drag = null; });
timeline.addEventListener("pointerleave", () => {
	if (drag)
		return;
	view.cursor = null;
	view.hover = view.link = -1;
	hideTip();
	redraw();
});
timeline.addEventListener("dblclick", (event) => {
	if (view.hover >= 0)
		showItem(view.hover);
	else
		zoom(0.4, view.time(event.clientX - lanes.getBoundingClientRect().left));
});
lanes.addEventListener("scroll", redraw, {passive: true});

function hover(event) {
	const box = lanes.getBoundingClientRect(), x = event.clientX - box.left, y = event.clientY - box.top;
	view.cursor = x >= view.left && x <= view.left + view.width ? view.time(x) : null;
	view.hover = y >= 0 && y < lanes.clientHeight ? itemAt(x, y + lanes.scrollTop) : -1;
	view.link = -1;
	if (STRIP_HEIGHT && view.cursor !== null && y < -4 && y > -STRIP_HEIGHT - 4) {
		const i = firstLink(view.cursor);
		view.link = i < data.critical.length && data.critical[i][1] <= view.cursor ? i : -1;
	}
	if (view.hover >= 0)
		showTip(event, tellItem(view.hover));
	else if (view.link >= 0)
		showTip(event, tellLink(data.critical[view.link]));
	else
		hideTip();
	timeline.classList.toggle("pointing", view.hover >= 0 || view.link >= 0);
	redraw();
}

function showTip(event, parts) {
	tip.replaceChildren(...parts);
	tip.hidden = false;
	const box = tip.getBoundingClientRect();
	const x = event.clientX + 14 + box.width > window.innerWidth - 8 ? event.clientX - 14 - box.width :
		event.clientX + 14;
	const y = event.clientY + 16 + box.height > window.innerHeight - 8 ? event.clientY - 12 - box.height :
		event.clientY + 16;
	tip.style.left = Math.max(8, x) + "px";
	tip.style.top = Math.max(8, y) + "px";
}

function hideTip() {
	tip.hidden = true;
}

function pairs(list) {
	const out = element("dl", {class: "pairs"});
	for (const [label, value] of list)
		if (value !== null && value !== undefined && value !== "")
			out.append(element("dt", {}, label), element("dd", {}, value));
	return out;
}

const used = (value, say) => value ? say(value) : null;
const ofBytes = (kib) => bytes(kib * 1024);

function costPairs(cost, i, life) {
	const cpu = cost.cpu[i], busy = cpu / life >= 1.995 ? " cores" : " of a core";
	const io = cost.disk_read[i] + cost.disk_write[i], network = cost.sent[i] + cost.received[i];
	return [
		["CPU", duration(cpu) + (cpu && life > 1000 ? " (" + cores(cpu / life) + busy + ")" : "")],
		["Waited for a CPU", used(cost.cpu_wait[i], duration)],
		["Waited for a disk", used(cost.disk_wait[i], duration)],
		["Peak memory", used(cost.memory[i], ofBytes)],
		["Disk", io ? ofBytes(cost.disk_read[i]) + " read, " + ofBytes(cost.disk_write[i]) + " written" : null],
		["Network", network ? ofBytes(cost.received[i]) + " in, " + ofBytes(cost.sent[i]) + " out" : null],
	];
}

function tellItem(item) {
	return made.begins === start ? tellProcess(item) : tellTask(item);
}

function tellProcess(i) {
	const life = end[i] - start[i], command = commands[i];
	return [
		element("p", {class: "tip-title"}, name(toolNames[toolOf[i]]), element("span", {}, " " + pids[i]),
			failed(i) ? element("span", {class: "bad"}, outcome(i)) : null),
		element("p", {class: "tip-command"}, command.length > 200 ? command.slice(0, 199) + "…" : command),
		pairs([["Lasted", duration(life)], ["From", moment(start[i], 1000)], ...costPairs(costs, i, life)]),
	];
}

function tellTask(t) {
	const life = tasks.end[t] - tasks.start[t];
	return [
		element("p", {class: "tip-title"}, name(data.tasks.name[t]),
			tasks.failures[t] ? element("span", {class: "bad"}, whole(tasks.failures[t]) + " failed") :
				null),
		pairs([["Lasted", duration(life)], ["From", moment(tasks.start[t], 1000)],
			["Processes", whole(tasks.processes[t])],
			...costPairs(tasks, t, life)]),
	];
}

const SPENT = ["CPU", "waiting for a CPU", "disk", "network", "other"];

function spentOf(link) {
	const spent = link.slice(3, 7);
	spent.push(Math.max(0, link[2] - link[1] - spent.reduce((sum, value) => sum + value, 0)));
	return spent;
}

function tellLink(link) {
	const rows = spentOf(link).map((value, i) => [SPENT[i][0].toUpperCase() + SPENT[i].slice(1),
		used(value, duration)]);
	return [
		element("p", {class: "tip-title"}, link[0] < 0 ? "Nothing ran" : name(toolNames[toolOf[link[0]]]),
			link[0] < 0 ? null : element("span", {}, " " + pids[link[0]])),
		link[0] < 0 ? "" : element("p", {class: "tip-command"}, commands[link[0]].slice(0, 160)),
		pairs([["On the path for", duration(link[2] - link[1])], ...rows]),
	];
}

// --- choosing ---

// item of the mode, -1: nothing.
function choose(item, move) {
	view.selected = item;
	share();
	if (item < 0) {
		details.hidden = true;
		return;
	}
	if (move)
		bring(item);
	showDetails(item);
}

// Into sight, without a change of scale unless it would be too small to see.
function bring(item) {
	const length = made.ends[item] - made.begins[item];
	if (length < 3 * view.scale || length > view.to - view.from)
		showItem(item);
	else if (made.begins[item] < view.from || made.ends[item] > view.to)
		show((made.begins[item] + made.ends[item]) / 2 - (view.to - view.from) / 2,
			(made.begins[item] + made.ends[item]) / 2 + (view.to - view.from) / 2);
	scrollTo(item);
}

// A process has a bar of its own except among tasks.
function chooseProcess(i) {
	if (view.mode === "tasks")
		setMode("tree");
	choose(i, true);
}

const link = (label, act) => element("button", {type: "button", class: "link", onclick: act}, label);

function children(i) {
	const out = [];
	for (let j = i + 1; j < count && out.length < 1000; j++)
		if (parents[j] === i)
			out.push(j);
	return out;
}

function noted(flags) {
	if (flags & FLAGS.earlier)
		return "ran before the recording";
	return flags & FLAGS.left ? "left the tree of the command" : null;
}

function processDetails(i) {
	const life = end[i] - start[i], below = children(i), t = taskOf[i];
	const parent = parents[i] < 0 ? null : link(toolNames[toolOf[parents[i]]] + " " + pids[parents[i]],
		() => chooseProcess(parents[i]));
	return [
		element("div", {class: "details-head"},
			element("h3", {}, name(toolNames[toolOf[i]]),
				element("span", {class: "soft"}, " pid " + pids[i])),
			element("span", {class: failed(i) ? "chip bad" : "chip"}, outcome(i)),
			onPath[i] ? element("span", {class: "chip"}, "on the critical path") : null,
			element("span", {class: "spring"}),
			link("Zoom to it", () => showItem(view.selected)),
			link("Close", () => choose(-1))),
		element("pre", {class: "command", tabindex: "0", "aria-label": "Command"}, commands[i]),
		pairs([
			["Lasted", duration(life)], ["From", moment(start[i], 1000) + " to " + moment(end[i], 1000)],
			...costPairs(costs, i, life),
			["Threads", threadsOf[i] > 1 ? whole(threadsOf[i]) : null],
			["User", userNames.get(userOf[i])],
			["Task", t < 0 ? null : link(data.tasks.name[t], () => { setMode("tasks"); choose(t, true); })],
			["Container", containerOf[i] < 0 ? null : containerNames[containerOf[i]]],
			["Started by", parent],
			["Started", below.length ?
				element("span", {}, whole(below.length) + (below.length === 1000 ? " or more: " : ": "),
				...below.slice(0, 12).flatMap((j, at) => [at ? ", " : "",
					link(toolNames[toolOf[j]] + " " + pids[j], () => chooseProcess(j))]),
				below.length > 12 ? ", …" : "") : null],
			["Noted", noted(flagsOf[i])],
		]),
	];
}

function taskDetails(t) {
	const life = tasks.end[t] - tasks.start[t], within = [];
	for (let i = 0; i < count && within.length < 13; i++)
		if (taskOf[i] === t)
			within.push(i);
	return [
		element("div", {class: "details-head"},
			element("h3", {}, name(data.tasks.name[t])),
			tasks.failures[t] ? element("span", {class: "chip bad"}, whole(tasks.failures[t]) + " failed") :
				null,
			element("span", {class: "spring"}),
			link("Zoom to it", () => showItem(view.selected)),
			link("Close", () => choose(-1))),
		pairs([
			["Lasted", duration(life)],
			["From", moment(tasks.start[t], 1000) + " to " + moment(tasks.end[t], 1000)],
			...costPairs(tasks, t, life),
			["CPUs given", used(data.tasks.cpus[t], whole)], ["Memory given", used(data.tasks.memory[t], bytes)],
			["Found by", data.tasks.rule[t]],
			["Processes", element("span", {}, whole(tasks.processes[t]) + ": ",
				...within.slice(0, 12).flatMap((i, at) => [at ? ", " : "",
					link(toolNames[toolOf[i]] + " " + pids[i], () => chooseProcess(i))]),
				within.length > 12 ? ", …" : "")],
		]),
	];
}

function showDetails(item) {
	const isProcess = made.begins === start;
	details.replaceChildren(...(isProcess ? processDetails(item) : taskDetails(item)).filter((part) => part));
	details.hidden = false;
	const label = isProcess ? toolNames[toolOf[item]] + ", pid " + pids[item] : data.tasks.name[item];
	byId("spoken").textContent = label + ", from " + moment(made.begins[item], 1000) + ", lasted " +
		duration(made.ends[item] - made.begins[item]) + (made.failed(item) ? ", failed" : "");
}

// --- keys ---

// Items in the order they begin, of those that are meant.
function order() {
	if (!made.order)
		made.order = Int32Array.from(made.items());
	if (!view.marked)
		return made.order;
	const marked = asItems(made, view.marked);
	return made.order.filter((item) => marked[item]);
}

function step(by) {
	const list = order();
	if (!list.length)
		return;
	let at = list.indexOf(view.selected);
	if (at < 0) {
		const now = view.selected >= 0 ? made.begins[view.selected] : view.from;
		at = list.findIndex((item) => made.begins[item] >= now);
		at = by > 0 ? (at < 0 ? 0 : at) : (at <= 0 ? list.length : at) - 1;
	} else {
		at = (at + by + list.length) % list.length;
	}
	choose(list[at], true);
}

const KEYS = [
	["← →", "move in time",
		{ArrowLeft: () => pan((view.from - view.to) / 8), ArrowRight: () => pan((view.to - view.from) / 8)}],
	["↑ ↓", "move through the rows",
		{ArrowUp: () => { lanes.scrollTop -= 60; }, ArrowDown: () => { lanes.scrollTop += 60; }}],
	["+ −", "zoom", {"+": () => zoom(0.6), "=": () => zoom(0.6), "-": () => zoom(1 / 0.6), _: () => zoom(1 / 0.6)}],
	["0", "the whole run", {0: fit, Home: fit}],
	["n p", "next and previous bar; of those found, if something is searched",
		{n: () => step(1), p: () => step(-1)}],
	["Enter", "zoom to the chosen bar", {Enter: () => { if (view.selected >= 0) showItem(view.selected); }}],
	["Esc", "let go of what is chosen, found or marked", {Escape: letGo}],
	["c", "mark the critical path", {c: () => togglePath()}],
	["g", "change how bars are grouped", {g: () => nextMode()}],
];
const PAGE_KEYS = [
	["/", "search", {"/": () => { byId("search").focus(); byId("search").select(); }}],
	["t", "change between light and dark", {t: () => toggleTheme()}],
	["?", "this list", {"?": () => byId("help").showModal()}],
];

function act(list, event) {
	for (const [, , keys] of list) {
		const act = Object.hasOwn(keys, event.key) ? keys[event.key] : null;
		if (act) {
			act();
			event.preventDefault();
			return true;
		}
	}
	return false;
}

timeline.addEventListener("keydown", (event) => {
	if (!event.ctrlKey && !event.metaKey && !event.altKey && act(KEYS, event))
		event.stopPropagation();
});
document.addEventListener("keydown", (event) => {
	const typing = event.target.matches("input, textarea, select") || byId("help").open;
	if (!typing && !event.ctrlKey && !event.metaKey && !event.altKey)
		act(PAGE_KEYS, event);
});
