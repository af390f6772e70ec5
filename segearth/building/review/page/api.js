// Talk to the server: JSON in, JSON out, and an Error with the server's own words.

async function ask(path, options) {
  let response;
  try {
    response = await fetch(path, options);
  } catch {
    throw new Error("The server does not answer. Nothing you see here is lost: start it again.");
  }
  const body = await response.json().catch(() => ({}));
  if (!response.ok) {
    throw new Error([body.problem ?? `error ${response.status}`, body.hint].filter(Boolean).join(": "));
  }
  return body;
}

export const read = (path, values = {}) => ask(`${path}?${new URLSearchParams(values)}`);

export const write = (path, body) =>
  ask(path, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });

/** Load a record's picture; throws with the server's reason. */
export async function readImage(number) {
  const response = await fetch(`/api/images/${number}`);
  if (!response.ok) throw new Error((await response.json().catch(() => ({}))).problem ?? "no image");
  return createImageBitmap(await response.blob());
}
