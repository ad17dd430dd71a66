(() => {
  "use strict";
  const media = document.getElementById("media");
  const rows = Array.from(document.querySelectorAll("svg.tl"));
  const lines = Array.from(document.querySelectorAll("table.timed tr[data-at]"));
  const left = 58;
  const width = 1000;
  const heads = rows.map((svg) => {
    const line = document.createElementNS("http://www.w3.org/2000/svg", "line");
    line.setAttribute("class", "head");
    line.setAttribute("y1", "0");
    line.setAttribute("y2", String(svg.viewBox.baseVal.height - 18));
    line.style.display = "none";
    svg.append(line);
    return line;
  });

  const show = () => {
    const t = media.currentTime;
    rows.forEach((svg, i) => {
      const from = Number(svg.dataset.from);
      const to = Number(svg.dataset.to);
      const here = t >= from && (t < to || (i === rows.length - 1 && t >= to));
      heads[i].style.display = here ? "" : "none";
      if (here) {
        const x = String(left + ((Math.min(t, to) - from) / (to - from)) * (width - left));
        heads[i].setAttribute("x1", x);
        heads[i].setAttribute("x2", x);
      }
    });
    let now = null;
    for (const line of lines) if (Number(line.dataset.at) <= t + 0.001) now = line;
    for (const line of lines) line.classList.toggle("now", line === now);
  };

  const go = (t) => {
    media.currentTime = Math.max(0, t);
    show();
  };

  rows.forEach((svg) => {
    svg.addEventListener("click", (event) => {
      const box = svg.getBoundingClientRect();
      const x = ((event.clientX - box.left) / box.width) * width;
      const from = Number(svg.dataset.from);
      const to = Number(svg.dataset.to);
      go(from + (Math.min(Math.max(x - left, 0), width - left) / (width - left)) * (to - from));
    });
  });
  for (const button of document.querySelectorAll("button.at")) {
    button.addEventListener("click", () => {
      go(Number(button.dataset.at));
      media.play();
    });
  }
  document.addEventListener("keydown", (event) => {
    const at = event.target;
    if (at instanceof Element && at.closest("button, video, audio, input")) return;
    if (event.key === " ") {
      if (media.paused) media.play();
      else media.pause();
    } else if (event.key === "ArrowLeft") go(media.currentTime - 1);
    else if (event.key === "ArrowRight") go(media.currentTime + 1);
    else return;
    event.preventDefault();
  });
  const tick = () => {
    show();
    if (!media.paused) requestAnimationFrame(tick);
  };
  media.addEventListener("play", tick);
  for (const name of ["pause", "seeked", "loadedmetadata"]) media.addEventListener(name, show);
  show();
})();
