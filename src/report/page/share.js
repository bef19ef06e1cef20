// What a part of the run used over time, for the charts: its samples and ledgers laid over the same steps as those of
// the whole run. An amount between two readings is spread evenly: whole steps get it as a slope that begins and ends,
// summed up once at the end.

const sampled = (() => {
	const from = data.samples, length = from.process.length, first = new Int32Array(count + 1), out = {first};
	for (const key of ["time", "cpu", "wait", "memory", "read", "write"])
		out[key] = new Float64Array(length);
	for (let i = 0, process = 0, before = -1; i < length; i++, before = process) {
		process += from.process[i];
		first[process + 1]++;
		for (const key of ["time", "cpu", "wait", "memory", "read", "write"])
			out[key][i] = from[key][i] + (process === before ? out[key][i - 1] : 0);
	}
	for (let i = 0; i < count; i++)
		first[i + 1] += first[i];
	data.samples = null;
	return out;
})();

class Steps {
	constructor() {
		this.values = new Float64Array(load.count);
		this.slope = new Float64Array(load.count + 1);
	}
	add(from, to, amount) {
		const step = load.step, end = load.count * step;
		from = Math.max(0, Math.min(from, end - 1e-3));
		to = Math.max(from + 1e-3, Math.min(to, end));
		const a = Math.floor(from / step), b = Math.min(load.count - 1, Math.ceil(to / step) - 1);
		if (a >= b) {
			this.values[a] += amount;
			return;
		}
		const each = amount / (to - from);
		this.values[a] += each * ((a + 1) * step - from);
		this.values[b] += each * (to - b * step);
		this.slope[a + 1] += each * step;
		this.slope[b] -= each * step;
	}
	finish(factor) {
		let level = 0;
		return this.values.map((value, i) => {
			level += this.slope[i];
			const length = Math.min(load.step, Math.max(1, run.wall - i * load.step));
			return Math.max(0, (value + level) / length * factor);
		});
	}
}

function addProcess(steps, i) {
	const totals = {cpu: costs.cpu[i], wait: costs.cpu_wait[i], read: costs.disk_read[i],
		write: costs.disk_write[i]};
	const earlier = flagsOf[i] & FLAGS.earlier, keys = Object.keys(totals),
		before = {cpu: 0, wait: 0, read: 0, write: 0};
	const first = sampled.first[i], end_ = sampled.first[i + 1];
	let at = start[i], memory = costs.memory[i];
	for (let s = first; s < end_; s++) {
		for (const key of keys) {
			const now = sampled[key][s];
			if (s === first && earlier) {	// its counters began long before, its costs with the recording
				totals[key] += now;
				before[key] = now;
			}
			if (now > before[key])
				steps[key].add(at, sampled.time[s], now - before[key]);
			before[key] = now;
		}
		steps.memory.add(at, sampled.time[s],
			(s === first ? sampled.memory[s] : memory) * Math.max(0, sampled.time[s] - Math.max(0, at)));
		memory = sampled.memory[s];
		at = sampled.time[s];
	}
	for (const key of keys)
		if (totals[key] > before[key])
			steps[key].add(at, end[i], totals[key] - before[key]);
	steps.memory.add(at, end[i], memory * Math.max(0, end[i] - Math.max(0, at)));
	if (costs.received[i] || costs.sent[i]) {
		steps.received.add(start[i], end[i], costs.received[i]);
		steps.sent.add(start[i], end[i], costs.sent[i]);
	}
}

// Of the processes that are marked, in the units of the whole run's series.
function shareOf(marked) {
	const steps = {};
	for (const key of ["cpu", "wait", "memory", "read", "write", "received", "sent"])
		steps[key] = new Steps();
	for (let i = 0; i < count; i++)
		if (marked[i])
			addProcess(steps, i);
	const out = {};
	for (const key of Object.keys(steps))
		out[key] = steps[key].finish(key === "cpu" || key === "wait" ? 1 : key === "memory" ? 1024 :
			1024 * 1e6);
	out.cpu = out.cpu.map((value, i) => Math.min(value, load.cpu[i]));	// that of the run is held to its CPUs
	return out;
}
