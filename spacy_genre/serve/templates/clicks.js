// Shows the text, and reports the entity that was clicked or chosen with the keyboard.
export default function (component) {
  const { data, parentElement, setTriggerValue } = component;
  const box = parentElement.querySelector(".box");
  box.innerHTML = data.html; // escaped by the template
  const choose = (event) => {
    const entity = event.target.closest("[data-entity]");
    if (entity && !event.target.closest("a")) {
      setTriggerValue("clicked", Number(entity.dataset.entity));
    }
  };
  box.onclick = choose;
  box.onkeydown = (event) => event.key === "Enter" && choose(event);
}
