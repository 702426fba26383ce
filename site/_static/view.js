// The switch: side by side, TensorFlow or PyTorch. The choice holds across pages and visits, and
// stands in the address (`?view=pytorch`), so that a link can be shared. Works from a file, too.
(() => {
  const views = ["both", "tensorflow", "pytorch"];
  const root = document.documentElement;
  const wide = matchMedia("(min-width: 1100px)");
  let choice = "both";

  function kept() {
    try { return localStorage.getItem("view"); } catch { return null; }
  }

  function keep() {
    try { localStorage.setItem("view", choice); } catch { /* the address still has it */ }
  }

  // Two columns do not fit on a narrow screen: side by side then shows one framework.
  function show() {
    root.dataset.view = choice === "both" && !wide.matches ? "tensorflow" : choice;
    for (const button of document.querySelectorAll(".view-switch button")) {
      button.setAttribute("aria-pressed", button.value === root.dataset.view);
    }
  }

  const top = (cell) => cell?.getBoundingClientRect().top ?? 0;
  const inSight = () => [...document.querySelectorAll(".anchor")].find((each) => top(each) > 80);

  // Choose a view and keep the cell in sight where it is.
  function choose(view) {
    const cell = inSight(), before = top(cell);
    choice = view;
    show();
    scrollBy({ top: top(cell) - before, behavior: "instant" });
    keep();
    const address = new URL(location);
    address.searchParams.set("view", view);
    history.replaceState(null, "", address);
  }

  const asked = new URLSearchParams(location.search).get("view");
  choice = [asked, kept()].find((view) => views.includes(view)) ?? choice;
  if (asked === choice) keep();
  show();
  wide.addEventListener("change", show);
  document.addEventListener("DOMContentLoaded", () => {
    for (const group of document.querySelectorAll(".view-switch")) {
      group.hidden = !document.querySelector(".twin");
      group.addEventListener("click", (event) => {
        if (event.target.value) choose(event.target.value);
      });
    }
    document.querySelector(".language-switch")?.addEventListener("click", ({ currentTarget: link }) => {
      [link.search, link.hash] = [location.search, scrollY && inSight()?.id || ""];
    });
    show();
  });
  addEventListener("load", () => {  // once all pictures have their height
    document.getElementById(location.hash.slice(1))?.scrollIntoView({ behavior: "instant" });
  });
})();
