/* SPDX-License-Identifier: Apache-2.0 */
/*
 * page.js - the status page: asks shoal-web for what shoald last told it and shows it.
 *
 * What servers, peers and operators wrote is untrusted: it becomes text nodes only, control and
 * direction characters made visible. Nothing here makes HTML of a string, and the page's policy
 * (trusted types) would refuse it.
 *
 * Rows are kept and rewritten in place, so that focus, selection and scrolling outlive an update;
 * of long tables only one leaf exists at a time.
 */
'use strict';

(() => {

/* ---- words ---- */

/* Bytes that a screen would obey or hide: C0, C1, direction marks, zero widths. */
const UNPRINTABLE = /[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g;

function printable(text) {
	return String(text ?? '').replace(UNPRINTABLE, (c) => {
		const code = c.codePointAt(0);
		return code < 256 ? '\\x' + code.toString(16).padStart(2, '0')
			: '\\u' + code.toString(16).padStart(4, '0');
	});
}

/* "3m12s", as the command prints it. */
function age(seconds) {
	const s = Math.max(0, seconds), two = (n) => String(Math.floor(n)).padStart(2, '0');
	if (s < 60)
		return Math.floor(s) + 's';
	if (s < 3600)
		return Math.floor(s / 60) + 'm' + two(s % 60) + 's';
	if (s < 86400)
		return Math.floor(s / 3600) + 'h' + two(s % 3600 / 60) + 'm';
	return Math.floor(s / 86400) + 'd' + Math.floor(s % 86400 / 3600) + 'h';
}

/* "1.23M" */
function count(n) {
	if (!Number.isFinite(n))
		return '–';
	if (n < 1000)
		return String(Math.round(n));
	let i = -1;
	for (; n >= 999.5; i++)
		n /= 1000;
	return n.toFixed(n < 9.995 ? 2 : n < 99.95 ? 1 : 0) + 'kMGTPE'[i];
}

/* "08:13:58", with the day when it is not today's. */
function clock(us) {
	const then = new Date(us / 1000), two = (n) => String(n).padStart(2, '0');
	const time = [then.getHours(), then.getMinutes(), then.getSeconds()].map(two).join(':');
	if (then.toDateString() === new Date(wallNow() / 1000).toDateString())
		return time;
	return [then.getFullYear(), then.getMonth() + 1, then.getDate()].map(two).join('-') + ' ' + time;
}

const plural = (n, one, many) => n + ' ' + (n === 1 ? one : many ?? one + 's');

/* ---- nodes ---- */

const SVG = 'http://www.w3.org/2000/svg';
const byId = (id) => document.getElementById(id);

function make(tag, attributes = {}, ...children) {
	const node = document.createElement(tag);
	for (const [name, value] of Object.entries(attributes))
		if (value !== null && value !== undefined && value !== false)
			node.setAttribute(name, value === true ? '' : value);
	for (const child of children)
		if (child !== null && child !== undefined && child !== '')
			node.append(child instanceof Node ? child : printable(child));
	return node;
}

function draw(tag, attributes) {
	const node = document.createElementNS(SVG, tag);
	for (const [name, value] of Object.entries(attributes))
		node.setAttribute(name, value);
	return node;
}

/* Write only what changed: an update that changes nothing costs no layout. */
function put(node, text, className) {
	const shown = printable(text);
	if (node.textContent !== shown)
		node.textContent = shown;
	if (className !== undefined && node.className !== className)
		node.className = className;
	return node;
}

/* The child of a cell with this class, made when it is not there yet. */
function part(cell, tag, className) {
	for (const child of cell.children)
		if (child.dataset.part === className)
			return child;
	const node = make(tag, { class: className || null, 'data-part': className });
	cell.append(node);
	return node;
}

const whyHref = (thing) => '#why/' + encodeURIComponent(thing);

function putThing(cell, name, thing, sub) {
	const link = part(cell, 'a', 'thing');
	put(link, name);
	link.setAttribute('href', whyHref(thing));
	if (sub !== undefined)
		put(part(cell, 'span', 'sub'), sub);
}

/* A word with a sign of its own shape, so that colour is never all that tells. */
const SIGNS = { good: '●', warn: '▲', bad: '✖', dim: '○' };

function putState(cell, kind, word) {
	const mark = part(cell, 'span', 'mark');
	put(mark, SIGNS[kind]);
	mark.setAttribute('aria-hidden', 'true');
	put(part(cell, 'span', 'word'), word);
	const className = 'state ' + kind;
	if (cell.dataset.kind !== className) {
		cell.classList.remove('good', 'warn', 'bad', 'dim');
		cell.classList.add('state', kind);
		cell.dataset.kind = className;
	}
}

/* ---- time: ages run on by themselves between answers ---- */

let clockOffsetUs = 0; /* of the node's wall clock before the browser's */

/* Any moment that comes with its age tells what the node's clock says. */
function setClock(moment) {
	if (moment?.since_us && Number.isFinite(moment.age_s))
		clockOffsetUs = moment.since_us + moment.age_s * 1e6 - Date.now() * 1000;
}

const wallNow = () => Date.now() * 1000 + clockOffsetUs;

function putAge(cell, sinceUs) {
	const known = Number.isFinite(sinceUs) && sinceUs > 0;
	cell.dataset.since = known ? sinceUs : '';
	cell.title = known ? 'since ' + new Date(sinceUs / 1000).toISOString() : '';
	put(cell, known ? age((wallNow() - sinceUs) / 1e6) : '–');
}

function tickAges() {
	if (document.body.classList.contains('old'))
		return; /* it may not be so any more */
	for (const node of document.querySelectorAll('[data-since]'))
		if (node.dataset.since)
			put(node, (node.dataset.before ?? '') +
				age((wallNow() - Number(node.dataset.since)) / 1e6) + (node.dataset.after ?? ''));
}

/* ---- drawings ---- */

const SAMPLES = 60;

/* The course of a rate: the newest at the right end, the largest seen at the top. */
function putSpark(cell, samples, width, height, what) {
	let svg = cell.querySelector('svg.spark');
	if (!svg) {
		svg = draw('svg', { class: 'spark', width, height, viewBox: `0 0 ${width} ${height}`, role: 'img' });
		svg.append(draw('path', { class: 'area' }), draw('path', { class: 'line' }));
		cell.append(svg);
	}
	const most = Math.max(1, ...samples), step = width / (SAMPLES - 1);
	const from = width - (samples.length - 1) * step;
	const points = samples.map((value, i) =>
		(from + i * step).toFixed(1) + ' ' + (height - 1 - value / most * (height - 2)).toFixed(1));
	const line = points.length > 1 ? 'M' + points.join('L') : '';
	svg.lastChild.setAttribute('d', line);
	svg.firstChild.setAttribute('d', line && `${line}V${height}H${from.toFixed(1)}Z`);
	svg.setAttribute('aria-label', `${what}: ${count(samples[samples.length - 1])} packets a second, ` +
		`at most ${count(Math.max(0, ...samples))} while this page was open`);
}

const CELLS_MAX = 160;

/* A cell a real, in the order of the config: neighbours that fail together are seen together. */
function putCells(cell, reals) {
	const shown = reals.slice(0, CELLS_MAX), perRow = 40;
	const states = shown.map((real) => real.state).join();
	if (cell.dataset.states === states)
		return;
	cell.dataset.states = states;
	const rows = Math.ceil(shown.length / perRow), width = Math.min(shown.length, perRow) * 6;
	const svg = draw('svg', { class: 'cells', width, height: rows * 8, viewBox: `0 0 ${width} ${rows * 8}`, 'aria-hidden': 'true' });
	for (const state of ['up', 'down', 'unknown']) {
		const path = shown.map((real, i) => real.state !== state ? ''
			: `M${i % perRow * 6} ${Math.floor(i / perRow) * 8 + 1}h5v6h-5z`).join('');
		if (path)
			svg.append(draw('path', { class: state, d: path }));
	}
	cell.replaceChildren(svg);
}

/* ---- tables ---- */

const LEAF = 50; /* rows that exist at a time */

let wanted = ''; /* what the filter says, in small letters */

/*
 * columns: {head, fill(cell, row), sort?(row), class?, phone?: word put before it in a card}
 * options: key(row), text(row) what the filter looks in, trouble(row) > 0 sorts first,
 *          detail?(row, cell) for rows that unfold, unfolds?(row) their state at first
 */
class Table {
	constructor(host, caption, columns, options) {
		Object.assign(this, { columns, options, rows: [], kept: new Map(), leaf: 0, sort: null, open: new Map() });
		this.body = make('tbody', { role: 'rowgroup' });
		this.head = make('tr', { role: 'row' }, ...columns.map((column, i) => this.makeHead(column, i)));
		this.table = make('table', { role: 'table', 'aria-label': caption },
			make('thead', { role: 'rowgroup' }, this.head), this.body);
		this.none = make('p', { class: 'none' });
		this.back = make('button', { type: 'button' }, 'Previous');
		this.on = make('button', { type: 'button' }, 'Next');
		this.where = make('span', {});
		this.pager = make('div', { class: 'pager' }, this.back, this.on, this.where);
		this.back.addEventListener('click', () => this.turn(-1));
		this.on.addEventListener('click', () => this.turn(1));
		host.append(this.table, this.none, this.pager);
	}

	makeHead(column, i) {
		const head = make('th', { scope: 'col', role: 'columnheader', class: column.class ?? null });
		if (!column.sort)
			return put(head, column.head);
		const button = make('button', { type: 'button' }, column.head);
		button.addEventListener('click', () => this.sortBy(i));
		head.append(button);
		return head;
	}

	/* A column once, then the other way, then as the config has it. */
	sortBy(i) {
		const way = this.sort?.i !== i ? 1 : this.sort.way === 1 ? -1 : 0;
		this.sort = way === 0 ? null : { i, way };
		this.leaf = 0;
		[...this.head.children].forEach((head, j) => {
			if (this.sort?.i === j)
				head.setAttribute('aria-sort', way > 0 ? 'ascending' : 'descending');
			else
				head.removeAttribute('aria-sort');
		});
		this.show();
	}

	turn(by) {
		this.leaf += by;
		this.show();
	}

	set(rows) {
		this.rows = rows;
		this.show();
	}

	ordered() {
		const { text, trouble } = this.options;
		const rows = wanted ? this.rows.filter((row) => text(row).toLowerCase().includes(wanted)) : [...this.rows];
		if (this.sort) {
			const by = this.columns[this.sort.i].sort, way = this.sort.way;
			rows.sort((a, b) => {
				const x = by(a), y = by(b);
				return way * (typeof x === 'string' ? x.localeCompare(y, 'en', { numeric: true }) : x - y);
			});
		} else if (trouble) {
			rows.sort((a, b) => trouble(b) - trouble(a));
		}
		return rows;
	}

	show() {
		const rows = this.ordered(), leaves = Math.max(1, Math.ceil(rows.length / LEAF));
		this.leaf = Math.min(Math.max(0, this.leaf), leaves - 1);
		const from = this.leaf * LEAF, shown = rows.slice(from, from + LEAF);
		this.place(shown);
		this.table.hidden = shown.length === 0;
		this.none.hidden = shown.length > 0;
		put(this.none, this.rows.length === 0 ? this.options.none ?? 'none' : 'nothing contains what the filter says');
		this.pager.hidden = leaves === 1;
		this.back.disabled = this.leaf === 0;
		this.on.disabled = this.leaf === leaves - 1;
		put(this.where, `${from + 1}–${from + shown.length} of ${rows.length}`);
	}

	/* Rows that stay keep their nodes; order and number follow. */
	place(shown) {
		const kept = new Map();
		let next = this.body.firstChild;
		for (const row of shown) {
			const key = this.options.key(row);
			const entry = this.kept.get(key) ?? this.makeRow(key);
			kept.set(key, entry);
			this.kept.delete(key);
			this.fill(entry, row);
			for (const node of entry.detail ? [entry.node, entry.detail] : [entry.node])
				if (node === next)
					next = next.nextSibling;
				else
					this.body.insertBefore(node, next);
		}
		for (const entry of this.kept.values()) {
			entry.node.remove();
			entry.detail?.remove();
		}
		this.kept = kept;
	}

	makeRow(key) {
		const cells = this.columns.map((column) => make('td', { role: 'cell', class: column.class ?? null, 'data-head': column.phone ?? null }));
		const entry = { node: make('tr', { class: 'row', role: 'row' }, ...cells), cells, detail: null };
		if (this.options.detail) {
			entry.unfold = make('button', { type: 'button', class: 'unfold', 'aria-expanded': 'false' });
			entry.unfold.addEventListener('click', () => {
				this.open.set(key, !this.isOpen(entry.row));
				this.show();
				this.options.unfolded?.();
			});
			cells[0].append(entry.unfold);
		}
		return entry;
	}

	isOpen(row) {
		return this.open.get(this.options.key(row)) ?? this.options.unfolds?.(row) ?? false;
	}

	fill(entry, row) {
		entry.row = row;
		this.columns.forEach((column, i) => column.fill(entry.cells[i], row));
		if (!this.options.detail)
			return;
		const open = this.isOpen(row);
		entry.unfold.setAttribute('aria-expanded', String(open));
		entry.unfold.setAttribute('aria-label', `${this.options.unfoldWord} of ${printable(this.options.key(row))}`);
		if (open && !entry.detail) {
			entry.cell = make('td', { colspan: this.columns.length, role: 'cell' });
			entry.detail = make('tr', { class: 'detail', role: 'row' }, entry.cell);
		} else if (!open && entry.detail) {
			entry.detail.remove();
			entry.detail = null;
		}
		if (open)
			this.options.detail(row, entry.cell, entry);
	}
}

/* ---- what is shown of what ---- */

const rates = new Map(); /* of each VIP and, by '', of the node: packets a second, oldest first */

function remember(name, pps) {
	const samples = rates.get(name) ?? [];
	samples.push(Number(pps) || 0);
	if (samples.length > SAMPLES)
		samples.shift();
	rates.set(name, samples);
}

function vipKind(vip) {
	if (vip.state === 'withdrawn' || vip.state === 'withdrawing')
		return vip.is_drained || vip.is_leaving || vip.reason.endsWith('-drained') ? 'warn' : 'bad';
	return vip.reason === 'serving' && !(vip.route?.sent_to ?? []).some((sent) => sent.is_alarm) ? 'good' : 'warn';
}

/* The pool that is nearest to losing its quorum. */
function scarcest(vip) {
	const spare = (pool) => (pool.has_quorum ? 1e6 : 0) + pool.usable - pool.need;
	return (vip.pools ?? []).reduce((least, pool) => !least || spare(pool) < spare(least) ? pool : least, null);
}

const RANK = { bad: 2, warn: 1, good: 0, dim: 0 };

const vips = new Table(byId('vips'), 'VIPs', [
	{ head: 'VIP', sort: (vip) => vip.name, fill: (cell, vip) => putThing(cell, vip.name, vip.name, vip.prefix === vip.name ? '' : vip.prefix) },
	{ head: 'State', class: 'tight', sort: (vip) => vip.state, fill: (cell, vip) => putState(cell, vipKind(vip), vip.state) },
	{ head: 'Since', class: 'n', sort: (vip) => -vip.since_us, fill: (cell, vip) => putAge(cell, vip.since_us) },
	{ head: 'Usable reals', phone: 'reals', class: 'n', sort: (vip) => scarcest(vip)?.usable ?? 0, fill: (cell, vip) => putUsable(cell, scarcest(vip)) },
	{ head: 'Peers', phone: 'peers', class: 'n', sort: (vip) => vip.peers, fill: fillPeers },
	{ head: 'Packets/s', class: 'n', sort: (vip) => -vip.pps, fill: fillTraffic },
	{ head: '', class: 'wide', fill: (cell, vip) => put(cell, vipNote(vip)) },
], {
	key: (vip) => vip.prefix,
	text: (vip) => [vip.name, vip.prefix, vip.state, vip.reason, ...(vip.services ?? []).map((s) => s.service), ...(vip.pools ?? []).map((p) => p.name)].join(' '),
	trouble: (vip) => RANK[vipKind(vip)],
	none: 'the config has no VIP',
});

/* "1/3 need 2": how far a pool is from losing or regaining its quorum. */
function putUsable(cell, pool) {
	const usable = part(cell, 'span', 'usable');
	put(usable, pool ? `${pool.usable}/${pool.total}` : '–');
	usable.classList.toggle('bad', Boolean(pool) && !pool.has_quorum);
	put(part(cell, 'span', 'dim'), pool ? ` need ${pool.need}` : '');
}

/* How many peers hold the route, of those that should. */
function fillPeers(cell, vip) {
	const all = vip.route?.sent_to?.length;
	put(cell, all ? `${vip.peers}/${all}` : String(vip.peers ?? '–'));
}

function fillTraffic(cell, vip) {
	const samples = rates.get(vip.prefix) ?? [];
	putSpark(cell, samples, 90, 18, vip.name);
	put(part(cell, 'span', 'rate'), ' ' + count(vip.pps));
}

function vipNote(vip) {
	const notes = vip.reason === 'serving' ? [] : [vip.sentence];
	if (vip.drain)
		notes.push(drainWords(vip.drain));
	if (vip.held_for_s)
		notes.push(`for ${age(vip.held_for_s)} more`);
	if (vip.route?.is_alarm)
		notes.push(vip.route.text);
	for (const sent of vip.route?.sent_to ?? [])
		if (sent.is_alarm)
			notes.push(sent.text);
	for (const pool of vip.pools ?? [])
		if (pool.is_on_backups)
			notes.push(`${pool.name} on backups`);
	return [...new Set(notes.filter(Boolean))].join('; ');
}

function drainWords(drain) {
	const reason = drain.reason ? `: “${drain.reason}”` : '';
	const end = drain.left_s === null || drain.left_s === undefined ? '' : `, ends by itself in ${age(drain.left_s)}`;
	return `by ${drain.owner}${reason}${end}`;
}

function poolKind(pool) {
	if (!pool.has_quorum)
		return pool.is_judged ? 'bad' : 'warn';
	return pool.override || pool.floor_missed || pool.down > 0 || pool.is_on_backups ? 'warn' : 'good';
}

function poolWord(pool) {
	return pool.has_quorum ? 'quorum' : pool.is_judged ? 'no quorum' : 'not judged';
}

function poolNote(pool) {
	const notes = [];
	if (pool.override)
		notes.push(`${pool.override.name}: ${pool.override.sentence}`);
	if (pool.is_on_backups)
		notes.push('on backups');
	if (pool.taken_out)
		notes.push(`${pool.taken_out} taken out by operators`);
	if (pool.floor_missed)
		notes.push(`below the depool floor of ${pool.floor_missed}`);
	if (pool.slots && pool.slots.moving + pool.slots.settling > 0)
		notes.push(`${count(pool.slots.moving)} slots moving, ${count(pool.slots.settling)} settling`);
	if (pool.watch)
		notes.push(`watched by ${pool.watch.owner}`);
	return notes.join('; ');
}

const UNFOLDED_AT_FIRST = 24; /* reals of a site that is shown whole */

let realsInAll = 0;
const realsOf = new Map(); /* by pool, as last asked for while it is unfolded */

const pools = new Table(byId('pools'), 'Pools', [
	{ head: 'Pool', sort: (pool) => pool.name, fill: (cell, pool) => putThing(cell, pool.name, pool.name) },
	{ head: 'State', class: 'tight', sort: poolWord, fill: (cell, pool) => putState(cell, poolKind(pool), poolWord(pool)) },
	{ head: 'Since', class: 'n', sort: (pool) => -pool.since_us, fill: (cell, pool) => putAge(cell, pool.since_us) },
	{ head: 'Usable reals', phone: 'reals', class: 'n', sort: (pool) => pool.usable / (pool.total || 1), fill: putUsable },
	{ head: 'Reals', class: 'tight', fill: (cell, pool) => putCells(cell, pool.reals ?? []) },
	{ head: '', class: 'wide', fill: (cell, pool) => put(cell, poolNote(pool)) },
], {
	key: (pool) => pool.name,
	text: (pool) => pool.name + ' ' + (pool.checks ?? []).join(' ') + ' ' + (pool.reals ?? []).map((real) => real.name + ' ' + real.state + ' ' + real.reason).join(' '),
	trouble: (pool) => RANK[poolKind(pool)],
	unfolds: () => realsInAll <= UNFOLDED_AT_FIRST,
	unfoldWord: 'reals',
	unfolded: () => loadReals(),
	detail: fillReals,
	none: 'the config has no pool',
});

function realKind(real) {
	if (real.state === 'down')
		return 'bad';
	return real.state === 'unknown' || real.has_next_hop === false || real.order ? 'warn' : 'good';
}

function realWord(real) {
	return real.order ? real.order.order : real.state;
}

function realEvidence(real) {
	const notes = [];
	if (real.order)
		notes.push(drainWords(real.order));
	if (real.has_next_hop === false)
		notes.push('no way to it');
	if (real.sentence)
		notes.push(real.evidence ? `${real.sentence}: ${real.evidence}` : real.sentence);
	if (real.flows && (real.flows.life === 'leaving' || real.flows.life === 'dead'))
		notes.push(real.flows.sentence);
	if (real.share_percent < 100 && real.takes_new_flows)
		notes.push(`slow start, ${real.share_percent}% of its share`);
	return notes.join('; ');
}

const realColumns = [
	{ head: 'Real', sort: (real) => real.name, fill: (cell, real) => putThing(cell, real.name, `${real.pool}/${real.name}`, real.address) },
	{ head: 'State', class: 'tight', sort: (real) => real.state, fill: (cell, real) => putState(cell, realKind(real), realWord(real)) },
	{ head: 'Since', class: 'n', sort: (real) => -real.since_us, fill: (cell, real) => putAge(cell, real.since_us) },
	{ head: 'Weight', phone: 'weight', class: 'n', sort: (real) => real.weight, fill: (cell, real) => put(cell, `${real.weight ?? ''}${real.is_backup ? ' backup' : ''}`) },
	{ head: 'Last evidence', class: 'wide', fill: (cell, real) => put(cell, realEvidence(real)) },
];

/* The reals of an unfolded pool, in full once they were asked for, by name and state until then. */
function fillReals(pool, cell, entry) {
	entry.table ??= { cell: null };
	if (entry.table.cell !== cell)
		entry.table = Object.assign(new Table(cell, `Reals of ${pool.name}`, realColumns, {
			key: (real) => real.name,
			text: (real) => [pool.name, real.name, real.address, real.state, real.reason, real.evidence].join(' '),
			trouble: (real) => RANK[realKind(real)],
			none: 'the pool has no real',
		}), { cell });
	entry.table.set(realsOf.get(pool.name) ?? (pool.reals ?? []).map((real) => ({ ...real, pool: pool.name })));
}

function peerKind(peer) {
	if (!peer.is_established)
		return 'bad';
	return peer.bfd && peer.bfd.state !== 'up' ? 'warn' : 'good';
}

const peers = new Table(byId('peers'), 'BGP peers', [
	{ head: 'Peer', fill: (cell, peer) => putThing(cell, peer.name, peer.name, `${peer.key}${peer.remote_as ? ' AS ' + peer.remote_as : ''}`) },
	{ head: 'Session', class: 'tight', fill: (cell, peer) => putState(cell, peerKind(peer), peer.is_established ? 'established' : peer.state || 'not in bgpd') },
	{ head: 'Since', class: 'n', fill: (cell, peer) => putAge(cell, peer.since_us) },
	{ head: 'BFD', phone: 'BFD', class: 'tight', fill: (cell, peer) => put(cell, peer.bfd?.state ?? '–') },
	{ head: 'VIPs', phone: 'VIPs', class: 'n', fill: (cell, peer) => put(cell, (peer.vips_sent4 ?? 0) + (peer.vips_sent6 ?? 0)) },
], {
	key: (peer) => peer.key,
	text: (peer) => [peer.name, peer.key, peer.state, peer.remote_as].join(' '),
	trouble: (peer) => RANK[peerKind(peer)],
	none: 'routing.peers names none',
});

/* ---- the node ---- */

function putFact(name, value, small, thing) {
	const list = byId('facts');
	let box = [...list.children].find((child) => child.dataset.fact === name);
	if (!box) {
		box = make('div', { 'data-fact': name }, make('dt', {}, name), make('dd', {}));
		box.lastChild.append(thing ? make('a', { href: whyHref(thing) }) : make('span', {}), make('small', {}));
		list.append(box);
	}
	const dd = box.lastChild;
	put(dd.children[0], value);
	put(dd.children[1], small ? ' ' + small : '');
	return dd;
}

function uplinkWord(uplink) {
	return !uplink.is_present ? 'missing' : !uplink.has_carrier ? 'no carrier'
		: !uplink.is_attached ? 'not attached' : uplink.mode;
}

/* "native eth0 eth1", or of each uplink when they differ. */
function putUplinks(uplinks) {
	const words = uplinks.map(uplinkWord), names = uplinks.map((uplink) => uplink.name);
	if (new Set(words).size === 1)
		putFact('XDP', words[0], names.join(' '), 'node');
	else
		putFact('XDP', words.map((word, i) => `${names[i]} ${word}`).join(', ') || '–', '', 'node');
}

function showNode(status) {
	const serving = status.vips.filter((vip) => vip.state === 'announced').length;
	const up = status.prober?.up ?? 0, reals = up + (status.prober?.down ?? 0) + (status.prober?.unknown ?? 0);
	const router = status.router ?? {}, dataplane = status.dataplane ?? {};
	const word = status.is_fenced ? 'fenced' : status.is_drained ? 'drained' : 'in service';
	put(byId('node'), status.node);
	document.title = `${status.alarms.length ? `(${status.alarms.length}) ` : ''}${printable(status.node)} · shoal`;
	putState(byId('life'), status.is_fenced ? 'bad' : status.is_drained || serving < status.vips.length ? 'warn' : 'good', word);
	putFact('VIPs announced', `${serving}/${status.vips.length}`);
	putFact('Reals up', `${up}/${reals}`);
	putFact('Peers', `${router.established ?? 0}/${router.peers ?? 0}`,
		router.bfd?.sessions ? `BFD ${router.bfd.up}/${router.bfd.sessions}` : '');
	putSpark(putFact('Packets/s', count(dataplane.pps ?? 0)), rates.get('') ?? [], 110, 20, 'the node');
	putFact('Dropped', count(dataplane.totals?.dropped ?? 0));
	putUplinks(dataplane.uplinks ?? []);
	putFact('bgpd', router.is_ready ? `FRR ${router.version ?? ''}` : router.life ?? '–');
	putFact('Generation', String(status.generation ?? '').slice(0, 8), status.config?.since_us ? `since ${clock(status.config.since_us)}` : '');
	putFact('Up', age(status.uptime_s ?? 0), `shoald ${status.version ?? ''}`);
	const drain = byId('drain');
	drain.hidden = !status.is_drained;
	if (status.is_drained)
		put(drain, `The node is drained ${status.drain ? drainWords(status.drain) : ''}`);
}

let alarmsSaid = null;

function showAlarms(alarms) {
	const list = byId('alarm-list');
	const shown = alarms.filter((alarm) => !wanted || (alarm.thing + ' ' + alarm.text).toLowerCase().includes(wanted)).slice(0, LEAF);
	const items = new Map([...list.children].map((item) => [item.dataset.key, item]));
	shown.forEach((alarm, i) => {
		const key = alarm.level + '\n' + alarm.thing + '\n' + alarm.command;
		const item = items.get(key) ?? makeAlarm(alarm, key);
		items.delete(key);
		put(item.lastChild, alarm.text);
		if (list.children[i] !== item)
			list.insertBefore(item, list.children[i] ?? null);
	});
	for (const item of items.values())
		item.remove();
	byId('alarms').classList.toggle('calm', alarms.length === 0);
	put(byId('h-alarms'), alarms.length === 0 ? 'No alarms' : alarms.length > shown.length && !wanted
		? `Alarms: the first ${shown.length} of ${alarms.length}` : plural(alarms.length, 'alarm'));
	sayAlarms(alarms);
}

function makeAlarm(alarm, key) {
	const kind = alarm.level === 'critical' ? 'bad' : 'warn';
	const sign = make('span', { class: kind, 'aria-hidden': 'true' }, SIGNS[kind]);
	const level = make('span', { class: 'unseen' }, alarm.level + ':');
	const thing = /^shoal why (.*)$/.exec(alarm.command ?? '')?.[1] ?? alarm.thing;
	return make('li', { 'data-key': key }, sign, level, make('a', { href: whyHref(thing || 'node') }));
}

/* Spoken once when it begins, not at every answer. */
function sayAlarms(alarms) {
	const now = new Map(alarms.map((alarm) => [alarm.thing + alarm.command, alarm.text]));
	const fresh = alarmsSaid ? [...now].filter(([key]) => !alarmsSaid.has(key)).map(([, text]) => text) : [];
	if (fresh.length > 0)
		put(byId('said'), fresh.length > 3 ? `${fresh.length} new alarms` : fresh.join('. '));
	else if (alarmsSaid?.size && now.size === 0)
		put(byId('said'), 'No alarms any more');
	alarmsSaid = now;
}

/* ---- events ---- */

let events = [];

const EVENT_KINDS = { err: 'bad', warn: 'warn' };

/* The newest first; those that stay keep their nodes. */
function showEvents() {
	const list = byId('event-list');
	const shown = events.filter((event) => !wanted || event.text.toLowerCase().includes(wanted));
	const items = new Map([...list.children].map((item) => [item.dataset.seq, item]));
	const now = shown.map((event) => items.get(String(event.seq)) ?? makeEvent(event));
	if (now.length === 0)
		now.push(make('li', { class: 'none' }, events.length ? 'nothing contains what the filter says' : 'none yet'));
	if (now.length !== list.children.length || now.some((item, i) => item !== list.children[i]))
		list.replaceChildren(...now);
}

function makeEvent(event) {
	return make('li', { 'data-seq': event.seq, class: EVENT_KINDS[event.level] ?? null },
		make('time', { datetime: new Date(event.at_us / 1000).toISOString() }, clock(event.at_us)),
		make('span', {}, event.text));
}

/* ---- why ---- */

const why = { thing: '', shown: '', from: null, timer: 0 };

const VERDICT = { ok: 'good', warn: 'warn', bad: 'bad' };

/* What one may ask about a link of the chain. */
function thingOf(link, above) {
	if (link.kind === 'real')
		return link.pool ?? above?.kind === 'pool' ? `${link.pool ?? above.name}/${link.name}` : null;
	if (['vip', 'pool', 'peer', 'service'].includes(link.kind))
		return link.name;
	return link.kind === 'sent to' ? link.name : null;
}

function makeLink(link, above) {
	const kind = VERDICT[link.verdict] ?? 'warn', thing = above && thingOf(link, above);
	const line = make('div', { class: 'link' });
	const sign = make('span', { class: 'mark ' + kind, 'aria-hidden': 'true' }, SIGNS[kind]);
	line.append(sign, make('span', { class: 'kind' }, link.kind + ' '));
	if (link.name)
		line.append(make(thing ? 'a' : 'span', { class: 'name', href: thing ? whyHref(thing) : null }, link.name), ' ');
	if (link.prefix || link.address)
		line.append(make('span', { class: 'mono' }, link.prefix || link.address), ' ');
	line.append(make('span', { class: 'state ' + kind }, link.state));
	if (link.since_us)
		line.append(make('span', { class: 'dim' }, ` since ${clock(link.since_us)} (`,
			make('span', { 'data-since': link.since_us }, age((wallNow() - link.since_us) / 1e6)), ')'));
	line.append(make('span', { class: 'text' }, link.text));
	if (link.output)
		line.append(make('pre', {}, ...link.output.trimEnd().split('\n').flatMap((text, i) => i ? [make('br'), text] : [text])));
	const item = make(above ? 'li' : 'div', {}, line);
	const causes = (link.causes ?? []).map((cause) => makeLink(cause, link));
	for (const [n, words] of [[link.unnamed, 'more that are not well'], [link.left_out, 'more that are well']])
		if (n > 0)
			causes.push(make('li', { class: 'link dim' }, `and ${n} ${words}`));
	if (causes.length > 0)
		item.append(make('ul', { class: 'causes' }, ...causes));
	return item;
}

function makeNext(next) {
	return make('ul', { class: 'next' }, ...next.map((step) => {
		const item = make('li', {}, step.text ?? '');
		if (step.command)
			item.append(' ', make('code', {}, step.command));
		return item;
	}));
}

/* Rewritten only when more than ages changed; the focus stays on the link it was on. */
function showWhy(answer) {
	const said = JSON.stringify(answer, (key, value) => key === 'age_s' || key === 'next_s' ? undefined : value);
	if (said === why.shown)
		return;
	const body = byId('why-body'), links = () => [...body.querySelectorAll('a')];
	const focus = links().indexOf(document.activeElement);
	why.shown = said;
	body.replaceChildren(makeLink(answer.why, null), make('h3', {}, 'What would change it'), makeNext(answer.next ?? []));
	if (focus >= 0)
		links()[Math.min(focus, links().length - 1)]?.focus();
}

async function loadWhy() {
	const thing = why.thing;
	if (!thing)
		return;
	try {
		const answer = await ask('why/' + thing.split('/').map(encodeURIComponent).join('/'));
		if (!feed.heard)
			setClock(answer.why);
		if (thing === why.thing)
			showWhy(answer);
	} catch (error) {
		if (thing === why.thing && !why.shown)
			byId('why-body').replaceChildren(make('p', { class: 'bad' }, error.message));
	}
}

function openWhy(thing) {
	const dialog = byId('why');
	why.thing = thing;
	why.shown = '';
	put(byId('why-title'), `why ${thing}`);
	byId('why-body').replaceChildren(make('p', { class: 'dim' }, 'asking'));
	if (!dialog.open) {
		why.from = document.activeElement;
		dialog.showModal();
	}
	byId('why-body').focus();
	dialog.scrollTop = 0;
	loadWhy();
}

/* The address names what is asked about, so that it can be sent to a colleague and gone back from. */
function followAddress() {
	const asked = /^#why\/(.+)$/.exec(location.hash);
	let thing = '';
	try {
		thing = asked ? decodeURIComponent(asked[1]) : '';
	} catch {
		thing = '';
	}
	if (thing)
		openWhy(thing);
	else if (byId('why').open)
		byId('why').close();
}

function closedWhy() {
	why.thing = '';
	if (location.hash.startsWith('#why/'))
		history.pushState(null, '', location.pathname + location.search);
	if (why.from?.isConnected)
		why.from.focus();
}

/* ---- asking ---- */

const API = 'api/v1/';
const ANSWER_MS = 15000;
const STALE_S = 10; /* an answer older than this is said to be old */
const feed = { status: null, heard: 0, streams: false, beat: 0, lastEvent: null, error: '', took: 0, timer: 0, busy: false };

async function ask(path) {
	const response = await fetch(API + path, { cache: 'no-store', credentials: 'same-origin', signal: AbortSignal.timeout(ANSWER_MS) });
	let body = null;
	try {
		body = await response.json();
	} catch {
		throw new Error(`shoal-web answered ${response.status} without JSON`);
	}
	if (!response.ok || body.error)
		throw Object.assign(new Error(body.error ?? `shoal-web answered ${response.status}`), { status: response.status });
	return body;
}

function show() {
	const status = feed.status;
	if (!status)
		return;
	realsInAll = status.pools.reduce((n, pool) => n + (pool.reals?.length ?? pool.total), 0);
	showNode(status);
	showAlarms(status.alarms);
	vips.set(status.vips);
	pools.set(status.pools);
	peers.set(status.peers);
}

function took(status) {
	setClock(status.config);
	remember('', status.dataplane?.pps);
	for (const vip of status.vips)
		remember(vip.prefix, vip.pps);
	feed.status = status;
}

async function refresh() {
	clearTimeout(feed.timer);
	if (feed.busy || document.hidden)
		return;
	const began = performance.now();
	feed.busy = true;
	try {
		const status = await ask('status');
		took(status);
		feed.heard = performance.now();
		feed.error = '';
		show();
		await loadReals();
		await loadWhy();
	} catch (error) {
		feed.error = error instanceof TypeError || error.name === 'TimeoutError'
			? 'shoal-web does not answer; on the node: systemctl status shoal-web'
			: error.message + (error.status === 503 ? '; on the node: systemctl status shoald' : '');
	}
	feed.busy = false;
	feed.took = performance.now() - began;
	showFeed();
	/* A large site is asked less often, so that neither end is kept busy by this. */
	feed.timer = setTimeout(refresh, Math.min(15000, Math.max(2000, 8 * feed.took)));
}

/* In full only what is unfolded and on this leaf. */
async function loadReals() {
	for (const [name, entry] of pools.kept)
		if (entry.detail)
			realsOf.set(name, (await ask('reals/' + encodeURIComponent(name))).reals);
	for (const entry of pools.kept.values())
		if (entry.detail)
			fillReals(entry.row, entry.cell, entry);
}

function refreshSoon() {
	clearTimeout(feed.timer);
	feed.timer = setTimeout(refresh, 100);
}

/* What the reader can rely on: live, asked for every few seconds, or old. */
function showFeed() {
	const since = (performance.now() - feed.heard) / 1000, isOld = !feed.heard || since > STALE_S;
	const box = byId('feed'), stale = byId('stale');
	const streams = feed.streams && performance.now() - feed.beat < 5000;
	const kind = feed.error || isOld ? 'gone' : streams ? 'live' : 'polls';
	box.className = kind;
	put(byId('feed-text'), kind === 'live' ? 'live' : kind === 'polls' ? 'every few seconds'
		: feed.heard ? `${age(since)} old` : feed.error ? 'no data' : 'connecting');
	stale.hidden = !(feed.error || (feed.heard && isOld));
	if (!stale.hidden)
		put(stale, feed.error ? feed.error + (feed.heard ? ' — below is what was so at ' + clock(wallNow() - since * 1e6) : '')
			: `nothing was heard since ${clock(wallNow() - since * 1e6)}`);
	document.body.classList.toggle('old', !stale.hidden);
}

/* Once a second the node tells that it is there, and up to where its events go. */
function onBeat(message) {
	feed.beat = performance.now();
	if (!feed.streams) {
		feed.streams = true;
		refreshSoon();
	}
	const last = JSON.parse(message.data).last_event;
	if (last !== feed.lastEvent) {
		feed.lastEvent = last;
		loadEvents();
		refreshSoon();
	}
}

function stream() {
	const source = new EventSource(API + 'events/stream');
	source.addEventListener('beat', onBeat);
	source.addEventListener('error', () => {
		feed.streams = false;
		showFeed();
		/* A browser comes back to a stream that broke, not to one that was refused. */
		if (source.readyState === EventSource.CLOSED)
			setTimeout(stream, 5000);
	});
}

async function loadEvents() {
	try {
		events = (await ask('events')).events.reverse();
	} catch {
		return; /* the next beat asks again */
	}
	showEvents();
}

byId('find').addEventListener('input', (event) => {
	wanted = event.target.value.trim().toLowerCase();
	show();
	showEvents();
});
byId('why').addEventListener('close', closedWhy);
byId('why').addEventListener('click', (event) => {
	if (event.target === byId('why'))
		byId('why').close();
});
document.addEventListener('keydown', (event) => {
	if (event.key === '/' && !(event.target instanceof HTMLInputElement)) {
		event.preventDefault();
		byId('find').focus();
	}
});
document.addEventListener('visibilitychange', () => document.hidden || refresh());
window.addEventListener('hashchange', followAddress);
setInterval(() => {
	tickAges();
	showFeed();
}, 1000);
refresh();
loadEvents();
stream();
followAddress();

})();
