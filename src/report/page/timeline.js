// The bars. Only rows in sight are drawn, and of a row only bars in sight, found by halving; where many lie on one
// pixel, one is drawn and the next is looked up behind that pixel. So drawing costs what the screen holds, not what
// the run holds.

const chartsCanvas = byId("charts"), barsCanvas = byId("bars"), lanes = byId("lanes"), timeline = byId("timeline");

const view = {
	from: 0, to: Math.max(1, run.wall), left: 160, width: 800, scale: 1,
	mode: "tools",
	cursor: null,		// time under the pointer
	hover: -1, selected: -1,	// items of the mode
	link: -1,		// of the critical path, under the pointer
	marked: null,		// by process, or null: all are meant
	path: false,
	finding: null,
	share: null,		// of what is chosen or marked: what the charts show of it
	x: (time) => view.left + (time - view.from) / view.scale,
	time: (x) => view.from + (x - view.left) * view.scale,
};
const MARGIN = Math.max(run.wall * 0.01, 10);	// a little room on both sides
const SHORTEST = 20;				// microseconds across the whole width

let made = null;	// the layout of the mode
let meantRows = null, pathRows = null;

function sizeCanvas(canvas, width, height) {
	const ratio = Math.min(window.devicePixelRatio || 1, 3);
	if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
		canvas.width = Math.round(width * ratio);
		canvas.height = Math.round(height * ratio);
		canvas.style.width = width + "px";
		canvas.style.height = height + "px";
	}
	const context = canvas.getContext("2d");
	context.setTransform(ratio, 0, 0, ratio, 0, 0);
	context.clearRect(0, 0, width, height);
	return context;
}

function measure() {
	const width = lanes.clientWidth;
	view.left = width < 640 ? 76 : 168;
	view.width = Math.max(50, width - view.left - 12);
	view.scale = (view.to - view.from) / view.width;
}

function setMode(mode) {
	const process = selectedProcess();
	view.mode = mode;
	made = layout(mode);
	view.hover = -1;
	view.selected = process >= 0 ? made.of(process) : -1;
	pathRows = selected(made, asItems(made, onPath));
	mark(view.marked);
	const most = Math.max(180, Math.min(560, window.innerHeight * 0.6));
	byId("lanes-height").style.height = made.total + "px";
	lanes.style.height = Math.min(made.total, most) + "px";
	lanes.scrollTop = 0;
	for (const button of byId("modes").children)
		button.setAttribute("aria-pressed", String(button.dataset.mode === mode));
	legend();
	resized();
}

function mark(marked) {
	view.marked = marked;
	meantRows = marked ? selected(made, asItems(made, marked)) : null;
	share();
}

// The charts show the chosen bar, else what is marked.
function share() {
	let marked = view.marked;
	if (view.selected >= 0) {
		marked = new Uint8Array(count);
		for (let i = 0; i < count; i++)
			marked[i] = made.of(i) === view.selected ? 1 : 0;
	}
	view.share = marked ? {values: shareOf(marked), lines: new Map(),
		name: view.selected >= 0 ? "chosen" : "marked"} : null;
	redraw();
}

// A process that stands for the selected item.
function selectedProcess() {
	if (view.selected < 0 || !made)
		return -1;
	if (made.begins === start)
		return view.selected;
	for (let i = 0; i < count; i++)
		if (made.of(i) === view.selected)
			return i;
	return -1;
}

// --- the window on time ---

function show(from, to) {
	const least = -MARGIN, most = run.wall + MARGIN, length = Math.min(most - least, Math.max(SHORTEST, to - from));
	const middle = (from + to) / 2;
	view.from = Math.max(least, Math.min(most - length, middle - length / 2));
	view.to = view.from + length;
	view.scale = length / view.width;
	timeline.dataset.from = Math.round(view.from);
	timeline.dataset.to = Math.round(view.to);
	redraw();
}

const fit = () => show(-MARGIN, run.wall + MARGIN);
const pan = (us) => show(view.from + us, view.to + us);

function zoom(factor, around) {
	const at = around === undefined ? (view.from + view.to) / 2 : around;
	const length = Math.max(SHORTEST, (view.to - view.from) * factor),
		part = (at - view.from) / (view.to - view.from);
	show(at - part * length, at + (1 - part) * length);
}

function showItem(item) {
	const length = made.ends[item] - made.begins[item], room = Math.max(length * 0.6, SHORTEST);
	show(made.begins[item] - room, made.ends[item] + room);
	scrollTo(item);
}

function rowOf(item) {
	return made.rows.findIndex((row) => row[firstAt(row, item)] === item);
}

function firstAt(row, item) {
	let low = 0, high = row.length;
	while (low < high) {
		const middle = (low + high) >> 1;
		if (made.begins[row[middle]] < made.begins[item] || made.begins[row[middle]] === made.begins[item] &&
			row[middle] < item)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

function scrollTo(item) {
	const row = rowOf(item);
	if (row < 0)
		return;
	const top = made.rowTop[row];
	if (top < lanes.scrollTop + 10 || top + made.height > lanes.scrollTop + lanes.clientHeight - 10)
		lanes.scrollTop = top - lanes.clientHeight / 2;
}

// --- drawing ---

let waiting = false;

function redraw() {
	if (waiting)
		return;
	waiting = true;
	requestAnimationFrame(() => {
		waiting = false;
		draw();
	});
}

function resized() {
	measure();
	show(view.from, view.to);
}

function draw() {
	measure();
	drawCharts();
	drawBars();
}

function drawBand(context, height) {
	if (!view.finding)
		return;
	const from = Math.max(view.left, view.x(view.finding.from)),
		to = Math.min(view.left + view.width, view.x(view.finding.to));
	context.globalAlpha = 0.1;
	context.fillStyle = colors.accent;
	context.fillRect(from, 0, Math.max(1, to - from), height);
	context.globalAlpha = 1;
}

function drawCursor(context, height) {
	if (view.cursor === null)
		return;
	context.globalAlpha = 0.35;
	context.fillStyle = colors.ink;
	context.fillRect(Math.round(view.x(view.cursor)), 0, 1, height);
	context.globalAlpha = 1;
}

function drawCharts() {
	const context = sizeCanvas(chartsCanvas, lanes.clientWidth, CHARTS_HEIGHT);
	drawAxis(context, view);
	drawBand(context, CHARTS_HEIGHT);
	context.save();
	CHARTS.forEach((one, i) => drawChart(context, view, one, AXIS_HEIGHT + 4 + i * (CHART_HEIGHT + CHART_GAP)));
	if (STRIP_HEIGHT)
		drawStrip(context, view, CHARTS_HEIGHT - STRIP_HEIGHT + 2, view.link);
	context.restore();
	drawCursor(context, CHARTS_HEIGHT);
	if (view.cursor !== null)
		drawMoment(context);
}

// The time under the pointer, on the axis.
function drawMoment(context) {
	context.font = colors.font;
	const label = moment(view.cursor, Math.max(1, view.scale)), width = context.measureText(label).width + 10;
	const x = Math.max(view.left, Math.min(view.left + view.width - width, view.x(view.cursor) - width / 2));
	context.fillStyle = colors.ink;
	context.beginPath();
	context.roundRect(x, 1, width, 17, 3);
	context.fill();
	context.fillStyle = colors.surface;
	context.textAlign = "center";
	context.textBaseline = "middle";
	context.fillText(label, x + width / 2, 10);
}

function drawBars() {
	const height = lanes.clientHeight, top = lanes.scrollTop;
	const context = sizeCanvas(barsCanvas, lanes.clientWidth, height);
	eachTick(view, (at, x) => {
		context.fillStyle = colors.line;
		context.fillRect(x - 0.5, 0, 1, height);
	});
	drawBand(context, height);
	context.save();
	context.beginPath();
	context.rect(view.left, 0, view.width, height);
	context.clip();
	context.font = colors.font;
	context.textBaseline = "middle";
	const dim = meantRows || view.path;
	for (let r = firstRow(top); r < made.rows.length && made.rowTop[r] < top + height; r++) {
		const y = made.rowTop[r] - top;
		drawRow(context, made.rows[r], y, dim ? 0.16 : 1, !dim);
		if (meantRows && meantRows[r])
			drawRow(context, meantRows[r], y, 1, true);
		if (view.path && pathRows[r])
			drawRow(context, pathRows[r], y, 1, true);
		if (made.failing[r])
			drawFailing(context, made.failing[r], y, dim ? 0.35 : 1);
	}
	drawOutline(context, view.hover, top, 1);
	drawOutline(context, view.selected, top, 2);
	context.restore();
	drawGroups(context, top, height);
	drawCursor(context, height);
}

function firstRow(top) {
	let low = 0, high = made.rows.length;
	while (low < high) {
		const middle = (low + high) >> 1;
		if (made.rowTop[middle] + made.height > top)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

function drawRow(context, row, y, alpha, labels) {
	const {begins, ends} = made, high = made.height - (made.height > 8 ? 2 : 1), limit = view.left + view.width;
	let runFrom = 0, runTo = -1, runColor = -1;	// pixels next to each other of one colour are one rectangle
	const flush = () => {
		if (runTo > runFrom) {
			context.fillStyle = colors.tools[runColor];
			context.fillRect(runFrom, y, runTo - runFrom, high);
		}
		runTo = -1;
	};
	context.globalAlpha = alpha;
	for (let i = firstAfter(row, ends, view.from); i < row.length && begins[row[i]] < view.to;) {
		const item = row[i], x = view.x(begins[item]), right = view.x(ends[item]);
		const color = made.color(item);
		if (right - x < 1.5) {
			const pixel = Math.floor(x);
			if (pixel !== runTo || color !== runColor) {
				flush();
				runFrom = pixel;
				runColor = color;
			}
			runTo = pixel + 1;
			i = ends[item] > view.time(pixel + 1) ? i + 1 : firstAfter(row, ends, view.time(pixel + 1),
				i + 1);
			continue;
		}
		const left = Math.max(view.left - 2, x),
			width = Math.min(limit + 2, right) - left - (right - x > 4 ? 1 : 0);
		context.fillStyle = colors.tools[color];
		context.fillRect(left, y, width, high);
		if (labels && made.height >= 16)
			drawLabel(context, made.text(item), Math.max(left, view.left), width, y + high / 2 + 0.5,
				colors.onTools[color]);
		i++;
	}
	flush();
	context.globalAlpha = 1;
}

// A failure is a mark at the end of its bar that stays two pixels wide however far away it is looked at.
function drawFailing(context, row, y, alpha) {
	const {ends} = made, high = made.height - (made.height > 8 ? 2 : 1);
	context.fillStyle = colors.fail;
	context.globalAlpha = alpha;
	for (let i = firstAfter(row, ends, view.from); i < row.length && made.begins[row[i]] < view.to;) {
		const x = view.x(ends[row[i]]), begin = view.x(made.begins[row[i]]);
		context.fillRect(Math.max(begin, x - 4), y, Math.max(2, Math.min(4, x - begin)), high);
		if (x - begin > 8)
			context.fillRect(Math.max(view.left, begin), y + high - 2, x - Math.max(view.left, begin), 2);
		const next = firstAfter(row, ends, view.time(x + 1), i + 1);
		i = Math.max(i + 1, next);
	}
	context.globalAlpha = 1;
}

function drawOutline(context, item, top, width) {
	const row = item >= 0 ? rowOf(item) : -1;
	if (row < 0)
		return;
	const x = view.x(made.begins[item]), y = made.rowTop[row] - top, right = view.x(made.ends[item]);
	context.strokeStyle = colors.ink;
	context.lineWidth = width;
	context.strokeRect(x - width / 2, y - width / 2, Math.max(3, right - x) + width - 1,
		made.height - (made.height > 8 ? 2 : 1) + width);
}

function drawGroups(context, top, height) {
	context.textBaseline = "alphabetic";
	context.textAlign = "left";
	for (const group of made.groupList) {
		if (group.bottom < top || group.top > top + height || made.groupList.length < 2)
			continue;
		context.fillStyle = colors.line;
		context.fillRect(0, group.top - top - 4, view.left + view.width, 1);
		// the name stays in sight while any of its rows are
		const y = Math.min(Math.max(group.top - top, 2), Math.max(group.bottom - top - 16, group.top - top));
		context.fillStyle = colors.tools[group.color];
		context.fillRect(0, group.top - top, 3, group.bottom - group.top - 2);
		context.font = colors.strong;
		context.fillStyle = colors.ink;
		const room = view.left - 22, label = shortened(context, group.label, room - (view.left > 120 ? 36 : 0));
		context.fillText(label, 12, y + 12);
		if (view.left > 120) {
			context.font = colors.font;
			context.fillStyle = colors.faint;
			context.textAlign = "right";
			context.fillText(whole(group.count), view.left - 10, y + 12);
			context.textAlign = "left";
		}
	}
}

function shortened(context, text, room) {
	if (context.measureText(text).width <= room)
		return text;
	let low = 0, high = text.length;
	while (low < high) {
		const middle = (low + high + 1) >> 1;
		if (context.measureText(text.slice(0, middle) + "…").width <= room)
			low = middle;
		else
			high = middle - 1;
	}
	return text.slice(0, low) + "…";
}

// --- what lies under a point of the bars ---

function itemAt(x, y) {
	const r = firstRow(y);
	if (r >= made.rows.length || made.rowTop[r] > y || x < view.left)
		return -1;
	const slack = 3 * view.scale, time = view.time(x), row = made.rows[r];
	const i = firstAfter(row, made.ends, time);
	if (i < row.length && made.begins[row[i]] <= time)
		return row[i];
	const before = i > 0 ? time - made.ends[row[i - 1]] : Infinity,
		after = i < row.length ? made.begins[row[i]] - time : Infinity;
	if (Math.min(before, after) > slack)
		return -1;
	return before < after ? row[i - 1] : row[i];
}
