// Where bars lie: three ways to group them, each packed into as few rows as they fit in. Also which of them are meant
// by a search, a finding or the critical path.

// Tools have colours of their own as far as there are colours: those that take most time choose first, each the one
// its name hashes to, so that a tool keeps its colour from run to run.
const PALETTE = 9;
const colorOfTool = (() => {
	const out = new Int8Array(Math.max(1, toolNames.length)).fill(PALETTE);
	const taken = new Set();
	const weight = new Float64Array(toolNames.length);
	for (let i = 0; i < count; i++)
		weight[toolOf[i]] += end[i] - start[i] + 4 * costs.cpu[i];
	const ranked = [...weight.keys()].filter((tool) => toolNames[tool] !== undefined).sort((a, b) =>
		weight[b] - weight[a]);
	for (const tool of ranked.slice(0, PALETTE)) {
		let hash = 2166136261;
		for (const letter of toolNames[tool])
			hash = Math.imul(hash ^ letter.codePointAt(0), 16777619) >>> 0;
		let slot = hash % PALETTE;
		while (taken.has(slot))
			slot = (slot + 1) % PALETTE;
		taken.add(slot);
		out[tool] = slot;
	}
	return out;
})();

// A task group that is called like a tool has its colour; others take what is left, in the order they appear.
const groupNames = [], groupOf = new Int32Array(taskCount);
{
	const known = new Map();
	for (let t = 0; t < taskCount; t++) {
		const group = data.tasks.group[t] || data.tasks.name[t];
		if (!known.has(group)) {
			known.set(group, groupNames.length);
			groupNames.push(group);
		}
		groupOf[t] = known.get(group);
	}
}
const colorOfGroup = (() => {
	const tools = new Map();
	toolNames.forEach((tool, index) => tools.set(tool, colorOfTool[index]));
	const taken = new Set(groupNames.map((group) => tools.get(group)));
	const left = [...Array(PALETTE).keys()].filter((slot) => !taken.has(slot));
	return groupNames.map((group) => tools.has(group) ? tools.get(group) : left.length ? left.shift() : PALETTE);
})();
// Of a path, the end tells tasks apart.
const shortNames = data.tasks.name.map((task) => /^\S*\/\S+$/.test(task) ?
	task.slice(task.lastIndexOf("/", task.length - 2) + 1) : task);

// The uppermost row from `from` on whose last bar has ended: a tree over the ends of rows, each node the least below
// it.
class FreeRows {
	constructor() {
		this.size = 1;
		this.least = new Float64Array(2).fill(-Infinity);
	}
	grow() {
		const size = this.size * 2, least = new Float64Array(size * 2).fill(-Infinity);
		least.set(this.least.subarray(this.size, this.size * 2), size);
		this.size = size;
		this.least = least;
		for (let node = size - 1; node; node--)
			least[node] = Math.min(least[node * 2], least[node * 2 + 1]);
	}
	take(from, begin, until) {
		for (;;) {
			const row = from < this.size ? this.find(1, 0, this.size, from, begin) : -1;
			if (row >= 0) {
				let node = this.size + row;
				this.least[node] = until;
				for (node >>= 1; node; node >>= 1)
					this.least[node] = Math.min(this.least[node * 2], this.least[node * 2 + 1]);
				return row;
			}
			this.grow();
		}
	}
	find(node, low, length, from, begin) {
		if (this.least[node] > begin || low + length <= from)
			return -1;
		if (length === 1)
			return low;
		const half = length / 2, left = this.find(node * 2, low, half, from, begin);
		return left >= 0 ? left : this.find(node * 2 + 1, low + half, half, from, begin);
	}
}

// Items by begin, into rows; `key` says which group each belongs to, groups stand in the order they begin.
function pack(items, begins, ends, key, label, color) {
	const groups = new Map();
	for (const item of items) {
		const k = key(item);
		let group = groups.get(k);
		if (!group)
			groups.set(k, group = {label: label(k), color: color(k), free: new FreeRows(), rows: [],
				count: 0});
		const row = group.free.take(0, begins[item], Math.max(ends[item], begins[item] + 1e-3));
		(group.rows[row] = group.rows[row] || []).push(item);
		group.count++;
	}
	return [...groups.values()];
}

function packTree() {
	const free = new FreeRows(), rowOf = new Int32Array(count), rows = [];
	for (let i = 0; i < count; i++) {
		const row = free.take(parents[i] >= 0 ? rowOf[parents[i]] + 1 : 0, start[i],
			Math.max(end[i], start[i] + 1e-3));
		rowOf[i] = row;
		(rows[row] = rows[row] || []).push(i);
	}
	return [{label: "", color: -1, rows: Array.from(rows, (row) => row || []), count}];
}

const MODES = {
	tasks: {
		label: "Tasks", there: taskCount > 1, begins: tasks.start, ends: tasks.end,
		items: () => [...tasks.start.keys()].filter((t) => tasks.processes[t]).sort((a, b) =>
			tasks.start[a] - tasks.start[b]),
		groups: (items) => pack(items, tasks.start, tasks.end, (t) => groupOf[t], (g) => groupNames[g],
			(g) => colorOfGroup[g]),
		color: (t) => colorOfGroup[groupOf[t]], text: (t) => shortNames[t],
		of: (i) => taskOf[i], failed: (t) => tasks.failures[t] > 0,
	},
	tools: {
		label: "Tools", there: true, begins: start, ends: end, items: () => start.keys(),
		groups: (items) => pack(items, start, end, (i) => toolOf[i], (tool) => toolNames[tool],
			(tool) => colorOfTool[tool]),
		color: (i) => colorOfTool[toolOf[i]], text: (i) => toolNames[toolOf[i]], of: (i) => i, failed,
	},
	tree: {
		label: "Process tree", there: true, begins: start, ends: end, items: () => start.keys(),
		groups: packTree,
		color: (i) => colorOfTool[toolOf[i]], text: (i) => toolNames[toolOf[i]], of: (i) => i, failed,
	},
};

// A mode laid out once: rows from top to bottom with the groups they are in.
function layout(mode) {
	const made = MODES[mode];
	if (made.rows)
		return made;
	const groups = made.groups(made.items());
	made.rows = [];
	made.groupList = groups.map((group) => {
		const first = made.rows.length;
		for (const row of group.rows)
			made.rows.push(Int32Array.from(row));
		return {label: group.label, color: group.color, first, rows: group.rows.length, count: group.count};
	});
	const rows = made.rows.length;
	made.height = rows <= 24 ? 20 : rows <= 60 ? 16 : rows <= 200 ? 12 : 8;
	let y = 4;
	made.rowTop = new Float64Array(rows);
	for (const group of made.groupList) {
		group.top = y;
		for (let r = group.first; r < group.first + group.rows; r++, y += made.height)
			made.rowTop[r] = y;
		y = Math.max(y, group.top + (groups.length > 1 ? 18 : 0));
		group.bottom = y;
		y += groups.length > 1 ? 6 : 0;
	}
	made.total = y + 4;
	const failing = new Uint8Array(made.begins.length);
	for (let item = 0; item < failing.length; item++)
		failing[item] = made.failed(item) ? 1 : 0;
	made.failing = selected(made, failing);
	return made;
}

// Of each row, the items that are marked; null for a row without.
function selected(made, marked) {
	return made.rows.map((row) => {
		const found = row.filter((item) => marked[item]);
		return found.length ? found : null;
	});
}

// Marks by process become marks by item of a mode.
function asItems(made, marked) {
	if (made.begins === start)
		return marked;
	const out = new Uint8Array(made.begins.length);
	for (let i = 0; i < count; i++)
		if (marked[i] && made.of(i) >= 0)
			out[made.of(i)] = 1;
	return out;
}

// The first item of a row that ends after a moment. Items of a row do not overlap, so their ends are in order too.
function firstAfter(row, ends, time, low = 0) {
	let high = row.length;
	while (low < high) {
		const middle = (low + high) >> 1;
		if (ends[row[middle]] > time)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

// --- who is meant ---

function search(text) {
	const words = text.toLowerCase().split(/\s+/).filter((word) => word);
	if (!words.length)
		return null;
	const marked = new Uint8Array(count);
	const lowTools = toolNames.map((tool) => tool.toLowerCase()),
		lowTasks = data.tasks.name.map((task) => task.toLowerCase());
	for (let i = 0; i < count; i++) {
		const command = commands[i].toLowerCase();
		marked[i] = words.every((word) => lowTools[toolOf[i]].includes(word) || command.includes(word) ||
			String(pids[i]) === word ||
			taskOf[i] >= 0 && lowTasks[taskOf[i]].includes(word)) ? 1 : 0;
	}
	return marked;
}

function meant(finding) {
	const marked = new Uint8Array(count);
	for (let i = 0; i < count; i++)
		marked[i] = end[i] >= finding.from && start[i] <= finding.to &&
			(finding.process < 0 || i === finding.process) &&
			(finding.tool < 0 || toolOf[i] === finding.tool) &&
				(finding.task < 0 || taskOf[i] === finding.task) ? 1 : 0;
	return marked;
}

const onPath = new Uint8Array(count);
for (const link of data.critical)
	if (link[0] >= 0)
		onPath[link[0]] = 1;
