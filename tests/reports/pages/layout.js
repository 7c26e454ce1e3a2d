// Looks at the page in each frame once all are loaded, and writes what is wrong with it into the page around them.
const inside = (element, scroller) => {
  for (let one = element; one; one = one.parentElement) if (scroller(getComputedStyle(one))) return true;
  return false;
};
const scrolls = (style) => /auto|scroll/.test(style.overflowX);

function wrongIn(frame) {
  const { contentDocument: page, contentWindow: { innerWidth: width } } = frame;
  const found = [];
  const say = (what, element) => found.push([what, width, element.tagName, String(element.textContent).trim().slice(0, 40)]);
  if (page.documentElement.scrollWidth > width) say("wider than the window", page.documentElement);
  for (const element of page.body.querySelectorAll("*:not(svg *)")) {
    const [box, style] = [element.getBoundingClientRect(), getComputedStyle(element)];
    if (!box.width || !box.height || style.position === "absolute" || inside(element.parentElement, scrolls)) continue;
    if (box.right > width + 1 && !scrolls(style)) say("runs off to the side", element);
    if (/hidden|clip/.test(style.overflowX) && element.scrollWidth > element.clientWidth + 1) say("cut off", element);
  }
  for (const cell of page.querySelectorAll("td, th")) {
    const [text, box] = [cell.textContent.trim(), cell.getBoundingClientRect()];
    if (text.length > 6 && box.width && box.width < 30) say("too narrow to read", cell);
  }
  for (const picture of page.querySelectorAll("svg")) {
    const texts = [...picture.querySelectorAll("text:not([transform])")].slice(0, 200).map((text) => [text, text.getBoundingClientRect()]);
    texts.forEach(([text, one], at) => {
      for (const [other, two] of texts.slice(at + 1)) {
        const wide = Math.min(one.right, two.right) - Math.max(one.left, two.left);
        const high = Math.min(one.bottom, two.bottom) - Math.max(one.top, two.top);
        if (wide > 2 && high > 4) say(`lies on ${other.textContent}`, text);
      }
    });
  }
  return found;
}

window.onload = () => {
  const found = {};
  for (const frame of document.querySelectorAll("iframe")) found[frame.title] = [...(found[frame.title] ?? []), ...wrongIn(frame)];
  const told = document.querySelector("pre");
  told.id = "found";
  told.textContent = JSON.stringify(found);
  for (const frame of document.querySelectorAll("iframe")) frame.remove();
};
