"use strict";
for (const slide of document.querySelectorAll(".slide")) {
  const handle = slide.querySelector("input");
  const move = () => slide.style.setProperty("--cut", handle.value + "%");
  handle.addEventListener("input", move);
  move();
}
