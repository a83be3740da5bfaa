// Of what a view shows, all that is no plain part of a page: what runs, what loads, what leads elsewhere.
() => {
  const plain = `a article b br button canvas caption circle code dd details dialog div dl dt em figcaption figure footer form g h1 h2 h3
    header i img input kbd label li line main nav ol optgroup option p path polyline pre rect section select small
    span strong summary sup svg table tbody td text tfoot th thead time title tr ul wbr`;
  const allowed = new Set(plain.split(/\s+/));
  const here = `${location.origin}/`;
  const isBuild = (element, url) => element.localName === "a" && element.rel.includes("noreferrer") && /^https?:/.test(url);
  const leadsAway = (element, { name, value }) => {
    if (!["href", "src", "action", "formaction", "xlink:href"].includes(name)) return false;
    const url = new URL(value, document.baseURI).href;
    return !url.startsWith(here) && !isBuild(element, url);
  };
  const found = [];
  for (const element of document.body.querySelectorAll("*")) {
    const names = element.getAttributeNames();
    const attributes = [...element.attributes].filter((one) => leadsAway(element, one));
    if (!allowed.has(element.localName)) found.push(element.outerHTML.slice(0, 200));
    found.push(...names.filter((name) => name.startsWith("on") || name === "srcdoc"));
    found.push(...attributes.map((one) => `${element.localName} ${one.name}=${one.value.slice(0, 200)}`));
  }
  return found;
}
