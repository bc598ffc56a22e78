"use strict";

const status = document.getElementById("status");

async function show() {
	const answer = await fetch("/api/v1/status?brief");
	status.textContent = JSON.stringify(await answer.json(), null, 2);
}

new EventSource("/api/v1/events/stream").addEventListener("beat", show);
show();
