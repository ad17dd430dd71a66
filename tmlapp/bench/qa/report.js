(() => {
  "use strict";
  // A sound with still pictures: the picture of the moment that is heard stands large.
  for (const player of document.querySelectorAll("figure.slides")) {
    const sound = player.querySelector("audio");
    const stills = Array.from(player.querySelectorAll("img"));
    if (!sound || !stills.length) continue;
    const show = () => {
      let current = stills[0];
      for (const still of stills) if (Number(still.dataset.t) <= sound.currentTime + 0.05) current = still;
      for (const still of stills) still.hidden = still !== current;
    };
    sound.addEventListener("timeupdate", show);
    sound.addEventListener("seeking", show);
    show();
  }
})();
