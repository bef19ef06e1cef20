// CPU, memory, disks and network over time, above the bars and with their scale. A step of the data is drawn as a
// level; where several fall on one pixel, the highest is drawn, so that peaks never vanish.

const colors = {};

// The style sheet is the one place that knows colours.
function readColors() {
	const style = getComputedStyle(document.documentElement);
	for (const key of ["ink", "soft", "faint", "line", "surface", "sunk", "accent", "fail", "path", "area",
		"second", "machine", "share", "limit"])
		colors[key] = style.getPropertyValue("--" + key).trim();
	colors.tools = [];
	colors.onTools = [];
	for (let i = 0; i <= PALETTE; i++) {
		colors.tools.push(style.getPropertyValue("--tool-" + i).trim());
		colors.onTools.push(style.getPropertyValue("--on-tool-" + i).trim());
	}
	colors.font = "11px " + style.getPropertyValue("--sans");
	colors.strong = "600 12px " + style.getPropertyValue("--sans");
}

const highest = (values) => values.reduce((most, value) => value > most ? value : most, 0);
const together = (a, b) => a.map((value, i) => value === null || b[i] === null ? null : value + b[i]);
const rate = (value) => bytes(value) + "/s";

const load = data.load, machine = data.machine;
const cpuLimit = run.allowed || run.cpus;
const memoryLimit = run.limit || run.memory;

function chart(label, say, lines, limit, least, share) {
	const known = lines.filter((line) => line.values.some((value) => value !== null));
	for (const line of known)
		line.peak = highest(line.told || line.values);
	const most = Math.max(least, ...known.map((line) => highest(line.values)));
	// A limit far above what was used would press the curve flat: it is said, not drawn.
	const drawn = limit && limit < most * 4 ? limit : 0;
	return {label, say, share, lines: known, limit: drawn, top: Math.max(most, drawn) * 1.04};
}

const CHARTS = [
	chart("CPU", (value) => cores(value) + (value === 1 ? " core" : " cores"), [
		{name: "run", values: load.cpu, color: "area", filled: true},
		{name: "waiting", values: together(load.cpu, load.wait), told: load.wait, color: "second",
			filled: true},
		{name: "machine", values: machine.cpu, color: "machine"},
	], cpuLimit, 0.1, (part) => part.cpu),
	chart("Memory", bytes, [
		{name: "run", values: load.memory, color: "area", filled: true},
		{name: "machine", values: machine.memory, color: "machine"},
	], memoryLimit, 1 << 20, (part) => part.memory),
	chart("Disk", rate, [
		{name: "read", values: load.read, color: "area", filled: true},
		{name: "written", values: load.write, color: "path"},
		{name: "machine", values: together(machine.read, machine.write), color: "machine"},
	], 0, 1 << 10, (part) => together(part.read, part.write)),
	chart("Network", rate, [
		{name: "received", values: load.received, color: "area", filled: true},
		{name: "sent", values: load.sent, color: "path"},
		{name: "machine", values: together(machine.received, machine.sent), color: "machine"},
	], 0, 1 << 10, (part) => together(part.received, part.sent)),
// Where nothing happened is nothing to see.
].filter((one) => one.lines.some((line) => line.peak > 0));
const CHART_HEIGHT = 46, CHART_GAP = 20, AXIS_HEIGHT = 24, STRIP_HEIGHT = data.critical.length ? 26 : 0;
const CHARTS_HEIGHT = AXIS_HEIGHT + CHARTS.length * (CHART_HEIGHT + CHART_GAP) + STRIP_HEIGHT + 4;

// Steps between ticks that people count in, in microseconds.
const TICKS = (() => {
	const out = [];
	for (let power = 1; power <= 1e6; power *= 10)
		out.push(power, 2 * power, 5 * power);
	for (const seconds of [10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800,
		604800])
		out.push(seconds * 1e6);
	return out;
})();

function tickStep(view) {
	const wanted = (view.to - view.from) / Math.max(2, view.width / 90);
	return TICKS.find((step) => step >= wanted) || TICKS[TICKS.length - 1];
}

function eachTick(view, visit) {
	const step = tickStep(view);
	for (let at = Math.ceil(view.from / step) * step; at <= view.to; at += step)
		visit(at, Math.round(view.x(at)) + 0.5, step);
}

function drawAxis(context, view) {
	context.font = colors.font;
	context.textBaseline = "middle";
	context.textAlign = "left";
	eachTick(view, (at, x, step) => {
		context.fillStyle = colors.line;
		context.fillRect(x - 0.5, 18, 1, CHARTS_HEIGHT);
		context.fillStyle = colors.soft;
		const label = moment(at, step);
		if (x + 4 + context.measureText(label).width < view.left + view.width)
			context.fillText(label, x + 4, 10);
	});
}

// Calls back with each pixel's value; null: not known.
function sampleLine(view, series, values, visit) {
	for (let x = 0; x < view.width; x++) {
		const first = Math.floor((view.from + x * view.scale) / series.step);
		const last = Math.max(first, Math.ceil((view.from + (x + 1) * view.scale) / series.step) - 1);
		let most = null;
		for (let i = Math.max(0, first); i <= last && i < series.count; i++)
			if (values[i] !== null && values[i] !== undefined && (most === null || values[i] > most))
				most = values[i];
		visit(x, most);
	}
}

function drawLine(context, view, one, line, top) {
	const bottom = top + CHART_HEIGHT, high = (value) => bottom - value / one.top * CHART_HEIGHT;
	const outline = new Path2D(), area = new Path2D();
	let open = false, lastX = 0;
	sampleLine(view, load, line.values, (x, value) => {
		if (value === null) {
			if (open)
				area.lineTo(lastX, bottom);
			open = false;
			return;
		}
		const at = view.left + x, y = high(value);
		if (open) {
			outline.lineTo(at, y);
			area.lineTo(at, y);
		} else {
			outline.moveTo(at, y);
			area.moveTo(at, bottom);
			area.lineTo(at, y);
		}
		outline.lineTo(at + 1, y);
		area.lineTo(at + 1, y);
		lastX = at + 1;
		open = true;
	});
	if (open)
		area.lineTo(lastX, bottom);
	if (line.filled) {
		context.globalAlpha = line.color === "second" ? 0.3 : line.color === "share" ? 0.7 : view.share ? 0.18 :
			0.45;
		context.fillStyle = colors[line.color];
		context.fill(area);
		context.globalAlpha = 1;
	}
	context.strokeStyle = colors[line.color];
	context.lineWidth = line.color === "machine" ? 1 : 1.25;
	context.lineJoin = "round";
	if (line.color !== "second")
		context.stroke(outline);
}

// What is chosen or marked, as a line of its own.
function shareLine(view, one) {
	if (!view.share)
		return null;
	if (!view.share.lines.has(one)) {
		const values = Array.from(one.share(view.share.values));
		view.share.lines.set(one,
			{name: view.share.name, values, peak: highest(values), color: "share", filled: true});
	}
	return view.share.lines.get(one);
}

function valueAt(line, time) {
	const i = Math.floor(time / load.step);
	const value = i >= 0 && i < load.count ? (line.told || line.values)[i] : null;
	return value === undefined ? null : value;
}

// What the gutter says of a chart: each line's value under the pointer, else its peak.
function drawGutter(context, view, one, top) {
	context.textAlign = "left";
	context.textBaseline = "alphabetic";
	context.font = colors.strong;
	context.fillStyle = colors.ink;
	context.fillText(one.label, 12, top + 11);
	context.font = colors.font;
	if (view.left < 120)
		return;
	if (view.cursor === null) {
		context.textAlign = "right";
		context.fillStyle = colors.faint;
		context.fillText("peak", view.left - 14, top + 11);
	}
	const share = shareLine(view, one),
		lines = share ? [share, ...one.lines.filter((line) => line.color !== "second").slice(-2)] : one.lines;
	lines.forEach((line, i) => {
		const y = top + 25 + i * 13, value = view.cursor === null ? line.peak : valueAt(line, view.cursor);
		context.fillStyle = colors[line.color];
		context.fillRect(12, y - 7, 3, 8);
		context.fillStyle = colors.soft;
		context.textAlign = "left";
		context.fillText(line.name, 20, y);
		context.textAlign = "right";
		context.fillText(value === null ? "–" : one.say(value), view.left - 14, y);
	});
}

// Lower lines are drawn over higher ones, and read first.
function drawChart(context, view, one, top) {
	context.fillStyle = colors.line;
	context.fillRect(view.left, top + CHART_HEIGHT, view.width, 1);
	for (const line of one.lines.slice().reverse())
		drawLine(context, view, one, line, top);
	const share = shareLine(view, one);
	if (share)
		drawLine(context, view, one, share, top);
	if (one.limit) {
		const y = Math.round(top + CHART_HEIGHT - one.limit / one.top * CHART_HEIGHT) + 0.5;
		context.strokeStyle = colors.limit;
		context.lineWidth = 1;
		context.setLineDash([4, 3]);
		context.beginPath();
		context.moveTo(view.left, y);
		context.lineTo(view.left + view.width, y);
		context.stroke();
		context.setLineDash([]);
		context.font = colors.font;
		context.textAlign = "right";
		context.textBaseline = "alphabetic";
		context.strokeStyle = colors.surface;
		context.lineWidth = 3;
		context.strokeText(one.say(one.limit), view.left + view.width - 4, y - 3);
		context.fillStyle = colors.limit;
		context.fillText(one.say(one.limit), view.left + view.width - 4, y - 3);
	}
	drawGutter(context, view, one, top);
}

// The critical path as a strip of its own, right above the bars.
function drawStrip(context, view, top, hovered) {
	context.font = colors.strong;
	context.fillStyle = colors.ink;
	context.textAlign = "left";
	context.textBaseline = "alphabetic";
	context.fillText(view.left < 120 ? "Path" : "Critical path", 12, top + 14);
	context.font = colors.font;
	context.textBaseline = "middle";
	for (let i = firstLink(view.from), edge = -1; i < data.critical.length && data.critical[i][1] < view.to; i++) {
		const [process, from, to] = data.critical[i];
		const x = Math.max(view.left, view.x(from)), right = Math.min(view.left + view.width, view.x(to));
		if (right < edge)	// several on one pixel: one is enough
			continue;
		edge = Math.ceil(right);
		const color = process < 0 ? PALETTE : colorOfTool[toolOf[process]];
		context.fillStyle = colors.tools[color];
		context.globalAlpha = process < 0 ? 0.3 : 1;
		context.fillRect(x, top, Math.max(1, right - x - (right - x > 3 ? 1 : 0)), 18);
		context.globalAlpha = 1;
		if (process >= 0)
			drawLabel(context, toolNames[toolOf[process]], x, right - x, top + 9.5, colors.onTools[color]);
		if (i === hovered) {
			context.strokeStyle = colors.ink;
			context.lineWidth = 1.5;
			context.strokeRect(x, top, Math.max(1, right - x), 18);
		}
	}
}

function firstLink(time) {
	let low = 0, high = data.critical.length;
	while (low < high) {
		const middle = (low + high) >> 1;
		if (data.critical[middle][2] > time)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

// As much of a label as fits; letters are taken to be six pixels, which is quick and nearly right.
function drawLabel(context, label, x, width, y, color) {
	const room = Math.floor((width - 8) / 6);
	if (room < 3)
		return;
	context.fillStyle = color;
	context.textAlign = "left";
	context.fillText(label.length > room ? label.slice(0, room - 1) + "…" : label, x + 4, y);
}
