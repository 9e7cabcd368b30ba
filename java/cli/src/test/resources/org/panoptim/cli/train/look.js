// What the browser test asks of a page. Looks at all text that shows, labels of folded tables included.
globalThis.look = (() => {
  const channels = (color) => {
    const [r, g, b, alpha = 1] = color.match(/[\d.]+/g).map(Number);
    return { rgb: [r, g, b], alpha };
  };

  const luminance = (rgb) => {
    const [r, g, b] = rgb
      .map((value) => value / 255)
      .map((c) => (c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };

  const contrast = (one, other) => {
    const [low, high] = [luminance(one), luminance(other)].sort((a, b) => a - b);
    return (high + 0.05) / (low + 0.05);
  };

  const background = (element) => {
    for (let each = element; each; each = each.parentElement) {
      const { rgb, alpha } = channels(getComputedStyle(each).backgroundColor);
      if (alpha === 1) return rgb;
    }
    return [255, 255, 255];
  };

  // Every piece of text that shows, with its style.
  const texts = () => {
    const found = [];
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
      const element = walker.currentNode.parentElement;
      const text = walker.currentNode.data.trim();
      if (text && element.checkVisibility() && !["SCRIPT", "STYLE"].includes(element.tagName)) {
        found.push({ text, element, style: getComputedStyle(element) });
      }
    }
    for (const element of document.querySelectorAll("td")) {
      const style = getComputedStyle(element, "::before");
      if (style.content !== "none") found.push({ text: style.content, element, style });
    }
    return found;
  };

  // A colour of the style sheet, as the browser says it.
  const named = (name) => {
    const probe = document.body.appendChild(document.createElement("i"));
    probe.style.color = `var(${name})`;
    const { rgb } = channels(getComputedStyle(probe).color);
    probe.remove();
    return rgb;
  };

  return {
    small: (least) =>
      texts()
        .filter(({ style }) => parseFloat(style.fontSize) < least)
        .map(({ text }) => text),
    faint: (least) =>
      texts()
        .filter(({ element, style }) => contrast(channels(style.color).rgb, background(element)) < least)
        .map(({ text }) => text),
    count: () => texts().length,
    faintCurves: (least) =>
      [1, 2, 3, 4, 5, 6, 7].filter((i) => contrast(named(`--curve-${i}`), named("--sheet")) < least),
    // Elements that reach beyond the window.
    beyond: () =>
      [...document.body.querySelectorAll("*")]
        .filter((element) => element.checkVisibility() && element.getBoundingClientRect().right > innerWidth + 0.5)
        .map((element) => element.outerHTML.slice(0, 80)),
    // How many dots of a chart are of an area that the page shows through.
    area: (chart) => {
      const canvas = document.querySelector(`#${chart} canvas`);
      const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
      return data.filter((alpha, i) => i % 4 === 3 && alpha > 40 && alpha < 60).length;
    },
    // How many dots of a chart have about the colour of a curve.
    dots: (chart, curve) => {
      const canvas = document.querySelector(`#${chart} canvas`);
      const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
      const color = named(`--curve-${curve}`);
      let count = 0;
      for (let i = 0; i < data.length; i += 4) {
        if (data[i + 3] > 200 && color.every((value, k) => Math.abs(data[i + k] - value) < 12)) count++;
      }
      return count;
    },
    ticks: (chart, axis) =>
      [...document.querySelectorAll(`#${chart} .ticks .${axis}:not(.title)`)].map((each) => each.textContent),
    values: (chart) => [...document.querySelectorAll(`#${chart} .legend .value`)].map((each) => each.textContent),
    names: (chart) => [...document.querySelectorAll(`#${chart} .legend .name`)].map((each) => each.textContent),
    where: (chart) => document.querySelector(`#${chart} .where`).textContent,
  };
})();
