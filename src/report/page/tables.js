// Tables that sort by any column. One with many rows holds only those in sight, between two rows that are as high as
// all others.

const ROW_HEIGHT = 29, WINDOWED = 200;

// Values are found by column and row: `value` for sorting, `say` for showing (may be an element). Rows are numbers. `sort`
// is the label of a column, or it is sorted by the first.
class Table {
	constructor({label, columns, rows, sort, descending, pick}) {
		Object.assign(this, {columns, pick, descending: descending !== false});
		this.sort = Math.max(0, columns.findIndex((column) => column.label === sort));
		this.rows = Int32Array.from(rows);
		this.active = -1;
		this.head = element("tr");
		this.body = element("tbody");
		this.table = element("table",
			{role: "grid", "aria-label": label, "aria-rowcount": this.rows.length + 1},
			element("thead", {}, this.head), this.body);
		this.element = element("div", {class: "table", tabindex: "0", role: "group", "aria-label": label},
			this.table);
		this.element.addEventListener("scroll", () => this.fill(), {passive: true});
		this.element.addEventListener("keydown", (event) => this.key(event));
		this.columns.forEach((column, i) =>
			this.head.append(element("th", {scope: "col", class: column.text ? "" : "number"},
			element("button", {type: "button", title: column.help, onclick: () => this.sortBy(i)},
				column.label))));
		this.order();
	}
	sortBy(i) {
		this.descending = this.sort === i ? !this.descending : !this.columns[i].text;
		this.sort = i;
		this.order();
		this.element.scrollTop = 0;
	}
	order() {
		const column = this.columns[this.sort], sign = this.descending ? -1 : 1;
		const keys = new Map();
		for (const row of this.rows)
			keys.set(row, column.value(row));
		this.rows.sort((a, b) => {
			const x = keys.get(a), y = keys.get(b);
			return x < y ? -sign : x > y ? sign : a - b;
		});
		[...this.head.children].forEach((cell, i) => {
			if (i === this.sort)
				cell.setAttribute("aria-sort", this.descending ? "descending" : "ascending");
			else
				cell.removeAttribute("aria-sort");
		});
		this.active = -1;
		this.fill(true);
	}
	fill(anew) {
		const all = this.rows.length <= WINDOWED, high = this.element.clientHeight || 460;
		let first = all ? 0 : Math.max(0, Math.floor(this.element.scrollTop / ROW_HEIGHT) - 10);
		const last = all ? this.rows.length : Math.min(this.rows.length,
			first + Math.ceil(high / ROW_HEIGHT) + 20);
		if (!anew && first === this.first && last === this.last)
			return;
		this.first = first;
		this.last = last;
		const filler = (rows) => {
			const row = element("tr", {"aria-hidden": "true", class: "filler"},
				element("td", {colspan: this.columns.length}));
			row.style.height = rows * ROW_HEIGHT + "px";
			return row;
		};
		const made = [];
		if (first)
			made.push(filler(first));
		for (; first < last; first++)
			made.push(this.makeRow(first));
		if (last < this.rows.length)
			made.push(filler(this.rows.length - last));
		this.body.replaceChildren(...made);
	}
	makeRow(at) {
		const row = this.rows[at];
		const made = element("tr",
			{"aria-rowindex": at + 2,
			class: (at === this.active ? "active" : "") + (this.pick ? " picks" : "")},
			...this.columns.map((column) => element("td", {class: column.text ? "text" : "number"},
				column.say ? column.say(row) : column.value(row))));
		if (this.pick)
			made.addEventListener("click", () => {
				this.active = at;
				this.fill(true);
				this.pick(row);
			});
		return made;
	}
	key(event) {
		const page = Math.max(1, Math.floor(this.element.clientHeight / ROW_HEIGHT) - 2);
		const moves = {ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -Infinity,
			End: Infinity};
		if (event.target !== this.element)
			return;
		if (event.key === "Enter" && this.active >= 0 && this.pick) {
			this.pick(this.rows[this.active]);
		} else if (event.key in moves && this.rows.length) {
			this.active = Math.max(0, Math.min(this.rows.length - 1, this.active + moves[event.key]));
			const top = this.active * ROW_HEIGHT, high = this.element.clientHeight - 2 * ROW_HEIGHT;
			if (top < this.element.scrollTop || top > this.element.scrollTop + high)
				this.element.scrollTop = top - high / 2;
			this.fill(true);
		} else {
			return;
		}
		event.preventDefault();
		event.stopPropagation();
	}
}

const nothing = "–";
const time = (label, get, help) => ({label, help, value: get, say: (i) => get(i) ? duration(get(i)) : nothing});
const size = (label, get, help) => ({label, help, value: get, say: (i) => get(i) ? bytes(get(i)) : nothing});
const number = (label, get, help) => ({label, help, value: get, say: (i) => get(i) ? whole(get(i)) : nothing});
const bad = (label, get, help) =>
	({label, help, value: get, say: (i) => get(i) ? element("span", {class: "bad"}, whole(get(i))) : nothing});
const words = (label, get, dot) => ({label, text: true, value: get,
	say: (i) => element("span", {class: "cell", title: get(i)}, dot ? swatch(dot(i)) : null,
		name(get(i) || nothing))});

function swatch(color) {
	const made = element("span", {class: "swatch", "aria-hidden": "true"});
	made.style.backgroundColor = "var(--tool-" + color + ")";
	return made;
}

// Columns that all sums have; `rows` are objects with costs in nanoseconds and bytes.
function sumColumns(rows) {
	const get = (key) => (i) => rows[i][key] || 0, spent = (key) => (i) => (rows[i][key] || 0) / 1000;
	return [
		number("Processes", get("processes")),
		bad("Failed", get("failures"), "ended with a code other than 0, or by a signal"),
		time("CPU", spent("cpu"), "CPU time of all threads"),
		time("CPU wait", spent("cpu_wait"), "ready to run, without a CPU"),
		time("Disk wait", spent("disk_wait"), "seen waiting for a disk"),
		time("Time", get("covered"), "time in which at least one was there"),
		size("Peak memory", get("memory"), "most that one process had"),
		size("Together", get("together"), "most that all were seen to have at once"),
		size("Disk read", get("disk_read")), size("Disk written", get("disk_write")),
		size("Received", get("received")), size("Sent", get("sent")),
	];
}

// Columns where all is zero say nothing.
function telling(columns, rows) {
	const list = [...rows];
	return columns.filter((column) => column.text || list.some((row) => column.value(row)));
}

function sumTable(label, rows, first, pick) {
	const columns = telling([...first, ...sumColumns(rows)], rows.keys());
	return new Table({label, columns, rows: rows.keys(), sort: "CPU", pick});
}

function markOf(test) {
	const marked = new Uint8Array(count);
	for (let i = 0; i < count; i++)
		marked[i] = test(i) ? 1 : 0;
	return marked;
}

// Of rows that may be those of a process.
const owner = (rows) => words("Tool", (i) => rows[i].process < 0 ? nothing : toolNames[toolOf[rows[i].process]],
	(i) => rows[i].process < 0 ? PALETTE : colorOfTool[toolOf[rows[i].process]]);
const toOwner = (rows) => (i) => { if (rows[i].process >= 0) chooseProcess(rows[i].process); };

function side(peer) {
	const [client, server] = {tcp: [", connected", ", accepted"], udp: [", as client", ", as server"]}[peer.transport] || ["", ""];
	return peer.transport + (peer.in ? server : client);
}

const endpoint = (address, port) => port && address.includes(":") ? "[" + address + "]:" + port :
	address + (port ? ":" + port : "");

const PANELS = {
	tools: {label: "Tools", count: data.tools.length, make: () => sumTable("Tools", data.tools,
		[words("Tool", (i) => data.tools[i].name, (i) => colorOfTool[data.tools[i].index]),
			words("Executable", (i) => data.tools[i].executable)],
		(i) => spotlight(data.tools[i].name, markOf((p) => toolOf[p] === data.tools[i].index), "tools"))},
	tasks: {label: "Tasks", count: taskCount, make: () => {
		const columns = telling([
			words("Task", (t) => data.tasks.name[t], (t) => colorOfGroup[groupOf[t]]),
			words("Group", (t) => data.tasks.group[t]),
			time("From", (t) => Math.max(0, tasks.start[t])),
			time("Lasted", (t) => tasks.end[t] - tasks.start[t]),
			number("Processes", (t) => tasks.processes[t]), bad("Failed", (t) => tasks.failures[t]),
			time("CPU", (t) => tasks.cpu[t]), time("CPU wait", (t) => tasks.cpu_wait[t]),
			time("Disk wait", (t) => tasks.disk_wait[t]),
			size("Peak memory", (t) => tasks.memory[t] * 1024),
			size("Disk read", (t) => tasks.disk_read[t] * 1024),
			size("Disk written", (t) => tasks.disk_write[t] * 1024),
			size("Received", (t) => tasks.received[t] * 1024),
			size("Sent", (t) => tasks.sent[t] * 1024), number("CPUs given", (t) => data.tasks.cpus[t]),
			size("Memory given", (t) => data.tasks.memory[t]),
		], tasks.start.keys());
		return new Table({label: "Tasks", columns, rows: tasks.start.keys(), sort: "Lasted",
			pick: (t) => { setMode("tasks"); choose(t, true); }});
	}},
	processes: {label: "Processes", count, make: () => {
		const rows = view.marked ? [...start.keys()].filter((i) => view.marked[i]) : start.keys();
		const columns = telling([
			words("Tool", (i) => toolNames[toolOf[i]], (i) => colorOfTool[toolOf[i]]),
			{label: "Pid", value: (i) => pids[i]},
			words("Command", (i) => commands[i]),
			{label: "From", value: (i) => start[i], say: (i) => moment(start[i], 1000)},
			time("Lasted", (i) => end[i] - start[i]),
			time("CPU", (i) => costs.cpu[i]), time("CPU wait", (i) => costs.cpu_wait[i]),
			time("Disk wait", (i) => costs.disk_wait[i]),
			size("Peak memory", (i) => costs.memory[i] * 1024),
			size("Disk read", (i) => costs.disk_read[i] * 1024),
			size("Disk written", (i) => costs.disk_write[i] * 1024),
			size("Received", (i) => costs.received[i] * 1024),
			size("Sent", (i) => costs.sent[i] * 1024),
			{label: "Ended", text: true, value: outcome,
				say: (i) => failed(i) ? element("span", {class: "bad"}, outcome(i)) : outcome(i)},
		], start.keys());
		return new Table({label: "Processes", columns, rows, sort: "CPU", pick: (i) => chooseProcess(i)});
	}},
	failures: {label: "Failures", count: 0, make: () => failureTable()},
	containers: {label: "Containers", count: data.containers.filter((row) => row.index >= 0).length,
		make: () => sumTable("Containers", data.containers,
		[words("Container", (i) => data.containers[i].name || "in none"),
			words("Image", (i) => data.containers[i].image)],
		(i) => spotlight(data.containers[i].name || "in no container",
			markOf((p) => containerOf[p] === data.containers[i].index)))},
	users: {label: "Users", count: data.users.length > 1 ? data.users.length : 0,
		make: () => sumTable("Users", data.users,
		[words("User", (i) => userNames.get(data.users[i].index))],
		(i) => spotlight(userNames.get(data.users[i].index),
			markOf((p) => userOf[p] === data.users[i].index)))},
	peers: {label: "Peers", count: data.peer_count, make: () => {
		const rows = data.peers;
		const columns = telling([
			words("Peer", (i) => rows[i].address),
			{label: "Port", value: (i) => rows[i].port, say: (i) => rows[i].port ? String(rows[i].port) : nothing},
			owner(rows), words("Direction", (i) => side(rows[i])),
			size("Received", (i) => rows[i].received), size("Sent", (i) => rows[i].sent),
			number("Packets in", (i) => rows[i].packets_received, "datagrams"),
			number("Packets out", (i) => rows[i].packets_sent, "datagrams"),
			number("Connections", (i) => rows[i].connections),
			bad("Failed", (i) => rows[i].failures), words("Error", (i) => rows[i].error || ""),
			number("Retransmits", (i) => rows[i].retransmits),
			time("Longest handshake", (i) => rows[i].latency),
		], rows.keys());
		return new Table({label: "Peers", columns, rows: rows.keys(), sort: "Received", pick: toOwner(rows)});
	}},
	drops: {label: "Drops", count: data.drop_count, make: () => {
		const rows = data.drops;
		return new Table({label: "Drops", rows: rows.keys(), sort: "Packets", columns: [
			words("Reason", (i) => rows[i].reason), words("Place", (i) => rows[i].function),
			words("Interface", (i) => rows[i].interface), words("Protocol", (i) => rows[i].protocol),
			words("From", (i) => endpoint(rows[i].source, rows[i].source_port)),
			words("To", (i) => endpoint(rows[i].destination, rows[i].destination_port)), owner(rows),
			number("Packets", (i) => rows[i].packets), size("Size", (i) => rows[i].bytes),
		], pick: toOwner(rows)});
	}},
	files: {label: "Files", count: data.file_count, make: () => {
		const rows = data.files;
		return new Table({label: "Files", rows: rows.keys(), sort: "Reads", columns: [
			words("Path", (i) => rows[i].path),
			words("Tool", (i) => toolNames[rows[i].tool], (i) => colorOfTool[rows[i].tool]),
			number("Reads", (i) => rows[i].reads, "opened for reading"),
			number("Writes", (i) => rows[i].writes, "opened for writing"),
			number("Created", (i) => rows[i].creates), number("Removed", (i) => rows[i].removes),
			bad("Failed", (i) => rows[i].failures),
			number("Processes", (i) => rows[i].processes),
			size("Size", (i) => rows[i].size, "largest seen"),
		]});
	}},
};

// Processes that ended badly, and what else went wrong.
const failures = (() => {
	const out = [];
	for (let i = 0; i < count; i++)
		if (failed(i))
			out.push({time: end[i], what: outcome(i), process: i, about: commands[i]});
	for (const fact of data.facts) {
		const what = {failed_exec: "exec failed", oom: "out of memory", lost: "events lost",
			clock_step: "clock moved", gave_up: "not recorded", policy: "policy matched"}[fact.kind];
		if (what)
			out.push({time: fact.time, what: what + (fact.word ? ", " + fact.word : ""),
				process: fact.process,
				about: fact.kind === "oom" && fact.number ? bytes(fact.number) +
					(fact.text ? ", limit of " + fact.text : "") :
					fact.kind === "clock_step" ? duration(fact.number / 1000) :
						(fact.kind === "lost" || fact.kind === "gave_up" ? whole(fact.number) +
						" " : "") + fact.text});
	}
	return out;
})();
PANELS.failures.count = failures.length;

function failureTable() {
	return new Table({label: "Failures", rows: failures.keys(), sort: "When", descending: false, columns: [
		{label: "When", value: (i) => failures[i].time, say: (i) => moment(failures[i].time, 1000)},
		{label: "What", text: true, value: (i) => failures[i].what,
			say: (i) => element("span", {class: "bad"}, failures[i].what)},
		owner(failures),
		{label: "Pid", value: (i) => failures[i].process < 0 ? 0 : pids[failures[i].process],
			say: (i) => failures[i].process < 0 ? nothing : String(pids[failures[i].process])},
		words("About", (i) => failures[i].about),
	], pick: toOwner(failures)});
}

let openPanel = "", openTable = null;

function showPanel(key) {
	openPanel = key;
	openTable = PANELS[key].make();
	const told = {peers: [data.peers.length, data.peer_count], drops: [data.drops.length, data.drop_count],
		files: [data.files.length, data.file_count], processes: [openTable.rows.length, count]}[key];
	byId("panel").replaceChildren(openTable.element, ...(told && told[0] < told[1] ?
		[element("p", {class: "hint"},
			whole(told[0]) + " of " + whole(told[1]) +
			(key === "processes" ? " are found; Esc in the timeline shows all again." :
			"; an export has all."))] : []));
	byId("panel").setAttribute("aria-labelledby", "tab-" + key);
	for (const tab of byId("tabs").children) {
		const here = tab.id === "tab-" + key;
		tab.setAttribute("aria-selected", String(here));
		tab.tabIndex = here ? 0 : -1;
	}
}

function makeTabs() {
	const keys = Object.keys(PANELS).filter((key) => PANELS[key].count);
	for (const key of keys)
		byId("tabs").append(element("button",
			{type: "button", role: "tab", id: "tab-" + key, "aria-controls": "panel",
			onclick: () => showPanel(key)},
			PANELS[key].label, element("span", {class: "count"}, whole(PANELS[key].count))));
	byId("tabs").addEventListener("keydown", (event) => {
		const by = {ArrowRight: 1, ArrowLeft: -1}[event.key];
		if (!by)
			return;
		const key = keys[(keys.indexOf(openPanel) + by + keys.length) % keys.length];
		showPanel(key);
		byId("tab-" + key).focus();
		event.preventDefault();
	});
	if (keys.length)
		showPanel(keys[0]);
	else
		byId("tables-section").hidden = true;
}
