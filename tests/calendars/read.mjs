// Read calendar files with ical.js: a JSON list of texts in, what they say out.

import process from "node:process";

const { default: ICAL } = await import(process.argv[2]);

function read(text) {
  const calendar = new ICAL.Component(ICAL.parse(text));
  const event = calendar.getFirstSubcomponent("vevent");
  const said = (name) => event.getFirstPropertyValue(name);
  const instant = (time) => new Date(time.toUnixTime() * 1000).toISOString();
  const attendee = event.getFirstProperty("attendee");
  return {
    method: calendar.getFirstPropertyValue("method"),
    uid: said("uid"),
    sequence: said("sequence"),
    status: said("status"),
    starts_at: instant(said("dtstart")),
    ends_at: instant(said("dtend")),
    summary: said("summary"),
    description: said("description"),
    location: said("location"),
    organizer: said("organizer"),
    attendee: attendee.getFirstValue(),
    attendee_name: attendee.getFirstParameter("cn"),
    events: calendar.getAllSubcomponents("vevent").length,
  };
}

const chunks = [];
for await (const chunk of process.stdin) chunks.push(chunk);
const texts = JSON.parse(Buffer.concat(chunks).toString());
process.stdout.write(JSON.stringify(texts.map(read)));
