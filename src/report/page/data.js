// Reads the run out of its block and undoes what made it short. Times are microseconds since the run's start. A
// process is a place in the columns, by start; nothing below makes an object for each.

const data = JSON.parse(document.getElementById("data").textContent);
const run = data.run;
const count = data.processes.count;
const byId = (id) => document.getElementById(id);

// A column is an array, or one number for all.
function column(values, Type) {
	const out = new Type(count);
	if (typeof values === "number")
		return out.fill(values);
	for (let i = 0; i < count; i++)
		out[i] = values[i];
	return out;
}

// Differences to the one before, summed up.
function summed(values, Type) {
	const out = new Type(count);
	let sum = 0;
	for (let i = 0; i < count; i++) {
		sum += typeof values === "number" ? values : values[i];
		out[i] = sum;
	}
	return out;
}

const start = summed(data.processes.start, Float64Array);
const end = column(data.processes.length, Float64Array);
const pids = summed(data.processes.pid, Int32Array);
const parents = column(data.processes.parent, Int32Array);	// becomes a place, -1: none
const toolOf = column(data.processes.tool, Int32Array);
const taskOf = column(data.processes.task, Int32Array);
const containerOf = column(data.processes.container, Int32Array);
const userOf = column(data.processes.user, Float64Array);
const codes = column(data.processes.code, Int32Array);
const signals = column(data.processes.signal, Int16Array);
const flagsOf = column(data.processes.flags, Int16Array);
const threadsOf = column(data.processes.threads, Int32Array);
for (let i = 0; i < count; i++) {
	end[i] += start[i];
	parents[i] = parents[i] === 0 ? -1 : i - parents[i];
}

// Costs of processes: microseconds and KiB. Of sums: nanoseconds and bytes.
const costs = {};
for (const [name, values] of Object.entries(data.processes.costs))
	costs[name] = column(values, Float64Array);

const FLAGS = {earlier: 1, living: 2, core: 4, oom: 8, left: 16, noLedger: 32};
const SIGNALS = ["", "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2", "PIPE",
	"ALRM", "TERM", "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG", "XCPU", "XFSZ", "VTALRM", "PROF",
	"WINCH", "IO", "PWR", "SYS"];

// A command line shares its begin with that of the process of the same tool before it.
const commands = (() => {
	const last = [];
	const rest = data.processes.rest, common = data.processes.common;
	const out = new Array(count);
	for (let i = 0; i < count; i++) {
		const before = last[toolOf[i]];
		out[i] = last[toolOf[i]] = before === undefined ? rest[i] : before.slice(0, common[i]) + rest[i];
	}
	return out;
})();
data.processes = null;

// The critical path: process, begin, end, CPU, waiting for one, disk, network. Its links follow each other without
// gaps.
{
	let at = 0;
	data.critical = data.critical.map(([process, length, ...spent]) => [process, at, at += length, ...spent]);
}

// Tools and the like come as rows of sums, by CPU time; toolNames finds them by index.
const toolNames = [];
for (const row of data.tools)
	toolNames[row.index] = row.name;
const userNames = new Map(data.users.map((row) => [row.index, row.name || String(row.index)]));
const containerNames = [];
for (const row of data.containers)
	if (row.index >= 0)
		containerNames[row.index] = row.name;
const taskCount = data.tasks.name.length;

const failed = (i) => codes[i] !== 0 || signals[i] !== 0;

function outcome(i) {
	if (flagsOf[i] & FLAGS.living)
		return "still running";
	if (flagsOf[i] & FLAGS.noLedger)
		return "not known";
	if (signals[i])
		return (SIGNALS[signals[i]] ? "SIG" + SIGNALS[signals[i]] : "signal " + signals[i]) +
			(flagsOf[i] & FLAGS.oom ? ", out of memory" : flagsOf[i] & FLAGS.core ? ", core dumped" : "");
	return codes[i] ? "exit " + codes[i] : "ok";
}

// --- tasks: added up from their processes ---

const tasks = (() => {
	const sums = {start: new Float64Array(taskCount).fill(Infinity), end: new Float64Array(taskCount),
		processes: new Int32Array(taskCount),
		failures: new Int32Array(taskCount)};
	for (const name of Object.keys(costs))
		sums[name] = new Float64Array(taskCount);
	const largest = new Float64Array(taskCount);
	for (let i = 0; i < count; i++) {
		const t = taskOf[i];
		if (t < 0)
			continue;
		sums.start[t] = Math.min(sums.start[t], start[i]);
		sums.end[t] = Math.max(sums.end[t], end[i]);
		sums.processes[t]++;
		if (failed(i))
			sums.failures[t]++;
		for (const name of Object.keys(costs))
			sums[name][t] += costs[name][i];
		largest[t] = Math.max(largest[t], costs.memory[i]);
	}
	sums.memory = largest;	// peaks do not add up
	return sums;
})();

// --- how numbers are said ---

const digits = (value) => value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2);
const whole = (value) => value.toLocaleString("en-US");

function duration(us) {
	if (us < 0)
		return "−" + duration(-us);
	if (us < 1)
		return us === 0 ? "0 s" : digits(us * 1000) + " ns";
	if (us < 1000)
		return digits(us) + " µs";
	if (us < 1e6)
		return digits(us / 1e3) + " ms";
	if (us < 60e6)
		return digits(us / 1e6) + " s";
	const seconds = Math.round(us / 1e6), days = Math.floor(seconds / 86400),
		hours = Math.floor(seconds / 3600) % 24,
		minutes = Math.floor(seconds / 60) % 60;
	if (days)
		return days + " d " + hours + " h";
	return hours ? hours + " h " + minutes + " min" : minutes + " min " + seconds % 60 + " s";
}

function bytes(value) {
	const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
	let unit = 0;
	while (value >= 1000 && unit < units.length - 1) {
		value /= 1024;
		unit++;
	}
	return (unit ? digits(value) : value.toFixed(0)) + " " + units[unit];
}

const cores = (value) => value >= 10 ? value.toFixed(1) : value.toFixed(2);
const percent = (value) => (value * 100).toFixed(value < 0.1 ? 1 : 0) + " %";

// A point in the run, as an axis says it: as exact as `step` asks for.
function moment(us, step) {
	const seconds = us / 1e6, decimals = Math.max(0, Math.min(6, -Math.floor(Math.log10(step / 1e6) + 1e-9)));
	if (run.wall < 60e6 || step < 1e6 && seconds < 60)
		return run.wall < 1e6 && step < 1e5 ? (us / 1e3).toFixed(Math.max(0, decimals - 3)) + " ms" :
			seconds.toFixed(decimals) + " s";
	const sign = seconds < 0 ? "−" : "", total = Math.abs(seconds), hours = Math.floor(total / 3600),
		minutes = Math.floor(total / 60) % 60;
	const rest = (total % 60).toFixed(decimals).padStart(decimals ? 3 + decimals : 2, "0");
	return sign + (hours ? hours + ":" + String(minutes).padStart(2, "0") : minutes) + ":" + rest;
}

// --- making elements; text only ever becomes a text node ---

function element(tag, attributes, ...children) {
	const made = document.createElement(tag);
	for (const [name, value] of Object.entries(attributes || {})) {
		if (name === "class")
			made.className = value;
		else if (name.startsWith("on"))
			made.addEventListener(name.slice(2), value);
		else if (value === true)
			made.setAttribute(name, "");
		else if (value !== false && value !== undefined && value !== null)
			made.setAttribute(name, value);
	}
	made.append(...children.filter((child) => child !== null && child !== undefined));
	return made;
}

// Names may be in any script; this keeps one that is written from right to left from moving its neighbours.
const name = (text) => element("bdi", {}, text);
