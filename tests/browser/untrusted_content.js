// Return elements, event handlers and URLs of a view that untrusted text could have created.
() => {
  const plain = `a article b br button canvas caption circle code dd details dialog div dl dt em figcaption figure footer form g h1 h2 h3
    header i img input kbd label li line main nav ol optgroup option p path polyline pre rect section select small
    span strong summary sup svg table tbody td text tfoot th thead time title tr ul wbr`;
  const allowed = new Set(plain.split(/\s+/));
  const base = `${location.origin}/`;
  const isBuild = (element, url) => element.localName === "a" && element.rel.includes("noreferrer") && /^https?:/.test(url);
  const leadsAway = (element, { name, value }) => {
    if (!["href", "src", "action", "formaction", "xlink:href"].includes(name)) return false;
    const url = new URL(value, document.baseURI).href;
    return !url.startsWith(base) && !isBuild(element, url);
  };
  const findings = [];
  for (const element of document.body.querySelectorAll("*")) {
    const names = element.getAttributeNames();
    const attributes = [...element.attributes].filter((attribute) => leadsAway(element, attribute));
    if (!allowed.has(element.localName)) findings.push(element.outerHTML.slice(0, 200));
    findings.push(...names.filter((name) => name.startsWith("on") || name === "srcdoc"));
    findings.push(...attributes.map((attribute) => `${element.localName} ${attribute.name}=${attribute.value.slice(0, 200)}`));
  }
  return findings;
}
