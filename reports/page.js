"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const strings = data.strings, roles = ["client", "server"], at = id => document.getElementById(id);

  // Everything that is shown goes through here: text is only ever text.
  function make(tag, properties, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(properties || {})) {
      if (value === undefined || value === null || value === false) continue;
      if (name === "class") element.className = value;
      else if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
      else element.setAttribute(name, value === true ? "" : value);
    }
    for (const child of children.flat()) if (child !== undefined && child !== null) element.append(child);
    return element;
  }
  const mark = verdict => make("span", { class: `mark v-${verdict.word}`, "aria-hidden": "true" }, verdict.mark);
  const hidden = text => make("span", { class: "hidden-text" }, text);

  // --- The data, with names instead of places ---
  const verdicts = data.verdicts, legend = [...verdicts].sort((one, other) => one.place - other.place);
  const failures = ["violates", "hung", "crashed", "harness-error", "stale", "discouraged"];
  const stacks = data.stacks.map((stack, index) => ({ ...stack, index, id: `${stack.name} ${stack.version}` }));
  const clauses = data.clauses.map((clause, index) => ({ ...clause, index, id: `${clause.document}/${clause.name}`, cells: [] }));
  // The builds of each library, oldest first. Of one that has several the newest is shown until it is opened.
  const libraries = [...new Set(stacks.map(stack => stack.name))].map(name => ({ name, builds: stacks.filter(stack => stack.name === name), open: false }));
  for (const library of libraries) {
    library.newest = library.builds[library.builds.length - 1];
    for (const stack of library.builds) stack.library = library;
  }
  const is_visible = stack => stack.library.open || stack === stack.library.newest;
  const visible_of = library => library.builds.filter(is_visible);
  // "3.7.1-3.8.13, 4.0.3": some of the builds of a library.
  const versions_of = (library, builds) => {
    const spans = [];
    library.builds.forEach((build, place) => {
      if (!builds.includes(build)) return;
      const last = spans[spans.length - 1];
      if (last && last.to === place - 1) last.to = place;
      else spans.push({ from: place, to: place });
    });
    return spans.map(({ from, to }) => from === to ? library.builds[from].version : `${library.builds[from].version}-${library.builds[to].version}`).join(", ");
  };
  const name_of = library => `${library.name} ${versions_of(library, library.builds)}`;
  const runs = data.transcripts.map(it => {
    const more = typeof it[it.length - 1] === "object" ? it[it.length - 1] : {};
    const [replay, subject, partner, role, tls, io, schedule, decrypted, script, items] = it.length > 9 ? it : it.slice(0, 1);
    return { replay, subject, partner, role, tls, io, schedule, decrypted, script: data.parts[script], items: data.parts[items],
             file: more.file || replay.replaceAll("/", "+").replaceAll(":", "~") };
  });
  const cells = data.cells.map(([clause, stack, role, tls, verdict, run, says, decisive, more], index) => {
    const cell = { index, clause: clauses[clause], stack: stacks[stack], role: roles[role], tls, verdict: verdicts[verdict], run, says: strings[says],
                   decisive, ...more };
    cell.id = `${cell.clause.id}:${cell.stack.name}@${cell.stack.version}:${cell.role}:${tls}`;
    cell.clause.cells.push(cell);
    return cell;
  });
  const cell_of = new Map(cells.map(cell => [cell.id, cell]));
  const run_of = new Map(runs.map((run, index) => [run.replay, index]));
  const plural = (count, word) => `${count.toLocaleString("en")} ${word}${count === 1 ? "" : "s"}`;

  // --- Head, legend ---
  at("lead").textContent = `${plural(cells.length, "cell")}, ${plural(clauses.length, "clause")}, ${plural(data.runs, "run")}.`
    + (data.made ? ` ${data.made}.` : "")
    + (data.complete ? "" : " The run was not completed: what is missing is not-reached here.");
  const files = stacks.filter(stack => stack.file);
  const told_files = files.map(stack => make("li", {}, `${stack.id} is ${stack.file}`));
  at("files").append(...(stacks.length === libraries.length ? told_files
    : [make("li", {}, make("details", {}, make("summary", {}, `The files of the ${stacks.length} builds`), make("ul", { class: "files" }, told_files)))]));
  at("files").hidden = files.length === 0;
  at("problems").hidden = data.problems.length === 0;
  at("problems").append(...data.problems.map(problem => make("li", {}, problem)));
  for (const verdict of legend)
    at("marks").append(make("dt", {}, mark(verdict)), make("dt", {}, verdict.word), make("dd", {}, verdict.meaning));

  // --- Filters: what is wanted, and the address that says so ---
  const nothing_wanted = () => ({ q: "", verdict: new Set(), stack: new Set(), differ: "", role: "", tls: "", strength: "" });
  const wanted = nothing_wanted();
  const chips = new Map();
  for (const verdict of legend) {
    const count = data.totals[verdicts.indexOf(verdict)];
    if (count === 0) continue;
    const chip = make("button", { type: "button", class: "chip", "aria-pressed": "false", title: verdict.meaning, "data-verdict": verdict.word,
      onclick: () => { wanted.verdict.delete(verdict.word) || wanted.verdict.add(verdict.word); changed(); } },
      mark(verdict), make("span", {}, verdict.word), make("b", {}, String(count)));
    chips.set(verdict.word, chip);
    at("verdicts").append(chip);
  }
  const is_failures = () => { const there = failures.filter(word => chips.has(word)); return there.length === wanted.verdict.size && there.every(word => wanted.verdict.has(word)); };
  const preset = make("button", { type: "button", class: "chip plain", id: "failures", "aria-pressed": "false",
    onclick: () => { wanted.verdict = is_failures() ? new Set() : new Set(failures.filter(word => chips.has(word))); changed(); } }, "all that did not conform");
  if (failures.some(word => chips.has(word))) at("verdicts").append(preset);
  const options = (id, values) => at(id).append(...values.map(value => make("option", {}, value)));
  const library_chips = new Map();
  for (const library of libraries) {
    const chip = make("button", { type: "button", class: "chip plain", "aria-pressed": "false", "data-library": library.name,
      onclick: () => { wanted.stack.delete(library.name) || wanted.stack.add(library.name); changed(); } }, name_of(library));
    library_chips.set(library.name, chip);
    at("libraries").append(chip);
  }
  const differ = make("button", { type: "button", class: "chip plain", id: "differ", "aria-pressed": "false", title: "Rows in which not all of these libraries, and versions of them, have the same verdict",
    onclick: () => { wanted.differ = wanted.differ ? "" : "1"; changed(); } }, "only rows that differ");
  at("libraries").append(differ);
  at("libraries").hidden = stacks.length < 2;
  options("tls", [...new Set(cells.map(cell => cell.tls))].sort());
  options("strength", [...new Set(clauses.map(clause => clause.strength))]);
  const selects = ["role", "tls", "strength"];
  for (const id of selects) at(id).addEventListener("change", () => { wanted[id] = at(id).value; changed(); });
  at("search").addEventListener("input", () => { wanted.q = at("search").value; changed(); });
  at("filters").addEventListener("submit", event => event.preventDefault());
  function show_all() {
    Object.assign(wanted, nothing_wanted());
    changed();
  }
  at("filters").addEventListener("reset", event => { event.preventDefault(); show_all(); });
  at("again").addEventListener("click", show_all);

  // --- Matrix ---
  const shorten = { client: "client", server: "server" };
  const documents = [];
  // What other builds of a library show in that place, where it is something else: "conforms 3.7.1-3.7.9, violates 3.8.9".
  const place_of = cell => `${cell.clause.index}:${cell.stack.name}:${cell.role}:${cell.tls}`;
  const places = new Map();
  for (const cell of cells) if (cell.stack.library.builds.length > 1) places.set(place_of(cell), [...(places.get(place_of(cell)) || []), cell]);
  const across = cell => {
    const all = places.get(place_of(cell)) || [], words = [];
    for (const each of all) {
      const last = words[words.length - 1];
      if (last && last.verdict === each.verdict) last.builds.push(each.stack);
      else words.push({ verdict: each.verdict, builds: [each.stack] });
    }
    return { changed: new Set(all.map(it => it.verdict)).size > 1 || (all.length > 0 && all.length < cell.stack.library.builds.length),
             text: words.map(({ verdict, builds }) => `${verdict.word} ${versions_of(cell.stack.library, builds)}`).join(", ") };
  };
  function toggle(library) {
    library.open = !library.open;
    draw_matrix();
    filter();
    const button = document.querySelector(`[data-toggle="${CSS.escape(library.name)}"]`);
    if (button) button.focus();
  }
  function draw_document(name) {
    const own = clauses.filter(clause => clause.document === name), all = own.flatMap(clause => clause.cells);
    const columns = roles.flatMap(role => [...new Set(all.filter(cell => cell.role === role).map(cell => cell.tls))].sort().map(tls => ({ role, tls })));
    const of_here = new Set(all.map(cell => cell.stack));
    const there = libraries.filter(library => library.builds.some(stack => of_here.has(stack))).flatMap(visible_of);
    const apart = column => column.role === "server" && columns[0].role === "client" ? " apart" : "";
    const grid = (children, label) => make("div", { class: columns.length > 4 ? "cells many" : "cells", style: `--columns: ${columns.length}`, "aria-hidden": label }, children);
    const head_of = stack => {
      const library = stack.library;
      if (library.builds.length === 1) return make("span", { class: "stack-name" }, stack.id);
      const button = stack !== library.newest ? null : make("button", { type: "button", class: "fold-versions", "data-toggle": library.name, "aria-expanded": String(library.open),
        onclick: () => toggle(library) }, library.open ? "fold" : plural(library.builds.length, "version"));
      return make("span", { class: "stack-name" }, stack.id, button);
    };
    const crowded = there.length * Math.max(columns.length, 4) > 20;  // more than paper has room for beside the names
    const head_grid = () => grid([...roles.filter(role => columns.some(it => it.role === role)).map(role => {
              const count = columns.filter(it => it.role === role).length;
              return make("span", { class: `head role${apart({ role })}`, style: `grid-column: span ${count}` }, role);
            }),
            ...columns.map(column => make("span", { class: `head${apart(column)}` }, column.tls))], "true");
    const heads = there.map(stack => make("th", { scope: "col", "data-stack": stack.index }, head_of(stack), head_grid()));
    const tally = make("span", { class: "tally" });
    const body = make("tbody");
    const rows = own.map(clause => {
      const groups = there.map(stack => {
        const mine = clause.cells.filter(it => it.stack === stack);
        const places = columns.map(column => {
          const cell = mine.find(it => it.role === column.role && it.tls === column.tls);
          if (!cell) return make("span", { class: apart(column).trim() });
          const before = stack.library.open ? { changed: false } : across(cell);
          cell.button = make("button", { type: "button", class: `cell v-${cell.verdict.word}${apart(column)}${before.changed ? " changed" : ""}`, tabindex: "-1", "data-cell": cell.id,
            title: `${cell.verdict.word}: ${cell.says}${before.changed ? `\n${before.text}` : ""}`,
            "aria-label": `${cell.verdict.word}: ${clause.name}, ${stack.id} as ${cell.role}, TLS ${cell.tls}${before.changed ? `; ${before.text}` : ""}`, onclick: () => go({ cell: cell.id }) },
            cell.verdict.mark, make("small", { "aria-hidden": "true" }, `${shorten[cell.role]} ${cell.tls}`));
          return cell.button;
        });
        return make("td", { "data-label": stack.id, "data-stack": stack.index }, mine.length > 0 ? grid(places) : null);
      });
      const element = make("tr", {}, make("th", { scope: "row" },
        make("code", { class: "clause" }, clause.name), make("span", { class: `strength ${clause.strength}` }, clause.strength),
        make("p", { class: "says" }, clause.says)), groups);
      body.append(element);
      return { clause, element };
    });
    const element = make("div", { class: "wide" }, make("table", { class: crowded ? "document crowded" : "document" },
      crowded ? make("caption", { class: "columns" }, "Each library's cells, from left to right:", head_grid()) : null,
      make("thead", {}, make("tr", {}, make("th", { scope: "col" }, make("h3", {}, name), tally), heads)), body));
    at("documents").append(element);
    documents.push({ name, element, rows, tally, heads });
  }
  function draw_matrix() {
    at("documents").replaceChildren();
    documents.length = 0;
    for (const cell of cells) cell.button = null;
    for (const name of new Set(clauses.map(clause => clause.document))) draw_document(name);
    at("documents").classList.toggle("opened", libraries.some(library => library.open));
  }
  // What is searched, of a clause; made when somebody searches.
  const text_of = clause => clause.text ??= [clause.id, clause.says, ...clause.cites, ...clause.ref, ...clause.cells.flatMap(cell => [cell.says, cell.reason || "", cell.run === null ? "" : runs[cell.run].replay])]
    .join("\n").toLowerCase();

  const is_wanted = library => wanted.stack.size === 0 || wanted.stack.has(library.name);
  const differs = some => {
    const seen = new Map();
    return some.some(cell => {
      const place = `${cell.role} ${cell.tls}`;
      if (!seen.has(place)) seen.set(place, cell.verdict);
      return seen.get(place) !== cell.verdict;
    });
  };
  const fits = cell => is_wanted(cell.stack.library) && (!wanted.role || cell.role === wanted.role) && (!wanted.tls || cell.tls === wanted.tls);
  let shown = [];  // the cells that can be walked through, in the order of the page
  function filter() {
    const words = wanted.q.toLowerCase().split(/\s+/).filter(Boolean);
    let rows = 0;
    shown = [];
    for (const each of documents) {
      let own = 0;
      for (const row of each.rows) {
        const left = row.clause.cells.filter(fits);
        const hits = left.filter(cell => wanted.verdict.size === 0 || wanted.verdict.has(cell.verdict.word));
        const visible = hits.length > 0 && (!wanted.strength || row.clause.strength === wanted.strength) && (!wanted.differ || differs(left))
          && words.every(word => text_of(row.clause).includes(word));
        row.element.hidden = !visible;
        if (!visible) continue;
        ++own;
        const lit = new Set(hits);
        for (const cell of row.clause.cells) if (cell.button) cell.button.classList.toggle("dim", !lit.has(cell));
        shown.push(...hits.filter(cell => cell.button));
      }
      each.element.hidden = own === 0;
      each.tally.textContent = own === each.rows.length ? plural(own, "clause") : `${own} of ${plural(each.rows.length, "clause")}`;
      for (const element of each.element.querySelectorAll("[data-stack]"))
        element.hidden = !is_wanted(stacks[element.dataset.stack].library);
      rows += own;
    }
    at("empty").hidden = rows > 0;
    at("count").textContent = rows === clauses.length ? plural(rows, "clause") : `${rows} of ${plural(clauses.length, "clause")}`;
    for (const [word, chip] of chips) chip.setAttribute("aria-pressed", String(wanted.verdict.has(word)));
    preset.setAttribute("aria-pressed", String(is_failures()));
    for (const [name, chip] of library_chips) chip.setAttribute("aria-pressed", String(wanted.stack.has(name)));
    differ.setAttribute("aria-pressed", String(Boolean(wanted.differ)));
    for (const id of selects) at(id).value = wanted[id];
    if (at("search").value !== wanted.q) at("search").value = wanted.q;
    reachable();
  }

  // One cell at a time is reached by Tab; from there the arrow keys lead on.
  let current = null;
  function reachable(cell) {
    const next = cell || (current && shown.includes(current) ? current : shown[0]);
    if (current && current.button) current.button.tabIndex = -1;
    current = next || null;
    if (current) current.button.tabIndex = 0;
  }
  at("documents").addEventListener("focusin", event => { const cell = cell_of.get(event.target.dataset.cell); if (cell) reachable(cell); });
  at("documents").addEventListener("keydown", event => {
    const cell = cell_of.get(event.target.dataset.cell);
    const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (!cell || !step || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    const visible = it => it.button && it.button.getClientRects().length > 0;
    let to = null;
    if (step[0]) {
      const row = cell.clause.cells.filter(visible);
      to = row[row.indexOf(cell) + step[0]];
    } else {
      const order = clauses.filter(clause => clause.cells.some(visible));
      for (let i = order.indexOf(cell.clause) + step[1]; i >= 0 && i < order.length && !to; i += step[1])
        to = order[i].cells.find(it => visible(it) && it.stack === cell.stack && it.role === cell.role && it.tls === cell.tls)
          || order[i].cells.find(it => visible(it) && it.stack === cell.stack) || order[i].cells.find(visible);
    }
    if (to) to.button.focus();
  });

  // --- Traits, partners, contradictions ---
  const answer = ([given, where]) => make("div", { class: "answers" },
    given.map(([text, run], place) => [place > 0 ? " or " : null,
      make("button", { type: "button", class: "answer", onclick: () => go({ run: runs[run].replay }) }, text)]).flat(),
    where ? make("small", {}, ` ${where}`) : null);
  // Of versions that answer the same the newest is shown.
  const answers_of = (library, question) => {
    const groups = new Map();
    for (const stack of library.builds) {
      const given = question.stacks[stack.index], text = JSON.stringify(given.map(([answers, where]) => [answers.map(([words]) => words), where]));
      if (given.length > 0) groups.set(text, { given, builds: [...(groups.get(text)?.builds || []), stack] });
    }
    return [...groups.values()].map(({ given, builds }) => [groups.size > 1 ? make("small", { class: "versions" }, versions_of(library, builds)) : null, ...given.map(answer)]).flat();
  };
  const asked = new Set(data.questions.map(it => it.name));
  const question = it => make("th", { scope: "row", id: `trait-${it.name}` }, it.question || "", it.question ? make("br") : null, make("code", {}, it.name));
  const labelled = (heads, row) => { [...row.children].forEach((cell, place) => { cell.dataset.label = heads[place]; }); return row; };
  const table = (heads, rows) => make("div", { class: "wide" }, make("table", { class: heads.length > 5 ? "plain crowded" : "plain" },
    make("thead", {}, make("tr", {}, heads.map(head => make("th", { scope: "col" }, head)))), make("tbody", {}, rows.map(row => labelled(heads, row)))));
  const apart = data.questions.filter(it => !it.alike), alike = data.questions.filter(it => it.alike);
  if (apart.length > 0)
    at("questions").append(table(["Question", ...libraries.map(name_of)],
      apart.map(it => make("tr", {}, question(it), libraries.map(library => make("td", {}, answers_of(library, it)))))));
  if (alike.length > 0)
    at("questions").append(make("h3", {}, "And this does not, as far as it was seen"), table(["Question", "Answer"],
      alike.map(it => make("tr", {}, question(it), make("td", {}, [...it.stacks].reverse().reduce((most, answers) => answers.length > most.length ? answers : most, []).map(answer))))));
  at("moving").hidden = data.questions.length === 0;

  const partners = [...new Set(data.pairs.map(pair => pair[1]))];
  const fare = (runs_made, totals, impossible) => {
    const parts = legend.map(verdict => ({ verdict, count: totals[verdicts.indexOf(verdict)] })).filter(part => part.count > 0);
    return [make("span", {}, plural(runs_made, "run")),
      make("div", { class: "bar", "aria-hidden": "true" }, parts.map(part => make("span", { class: `v-${part.verdict.word}`, style: `flex: ${part.count}` }))),
      make("small", {}, parts.map(part => `${part.count} ${part.verdict.word}`).join(", ")),
      impossible.length > 0 ? make("details", {}, make("summary", {}, "Cannot"), impossible.map(it => make("div", {}, it))) : null];
  };
  at("pairs").append(table(["against", ...partners], libraries.flatMap(library => {
    const lines = [];  // builds that follow each other and fared alike
    for (const stack of library.builds) {
      const pairs = partners.map(partner => data.pairs.find(it => it[0] === stack.id && it[1] === partner));
      if (!pairs.some(Boolean)) continue;
      const text = JSON.stringify(pairs.map(pair => pair && pair.slice(2))), last = lines[lines.length - 1];
      if (last && last.text === text) last.builds.push(stack);
      else lines.push({ text, pairs, builds: [stack] });
    }
    return lines.map(({ pairs, builds }) => make("tr", {}, make("th", { scope: "row" }, make("b", {}, `${library.name} ${versions_of(library, builds)}`)),
      pairs.map(pair => make("td", {}, pair ? fare(...pair.slice(2)) : "not run"))));
  })));
  if (data.depending.length > 0)
    at("depending").append(make("h3", {}, "Verdicts that depend on the partner"), table(["Clause", "Library", "Verdicts", "Reason"],
      data.depending.map(([clause, stack, role, tls, found, reason]) => make("tr", {}, make("th", { scope: "row" }, make("code", {}, clause)),
        make("td", {}, `${stack}, ${roles[role]}, TLS ${tls}`),
        make("td", {}, found.map(([partner, verdict, run]) => make("div", {},
          make("button", { type: "button", class: "answer", onclick: () => go({ run: runs[run].replay }) }, verdicts[verdict].word), ` with ${partner}`))),
        make("td", {}, reason || "none given")))));
  at("partners").hidden = data.pairs.length === 0;

  at("advice").append(...data.advice.map(({ title, sentences }) => make("details", {}, make("summary", {}, title),
    data.headings.map((heading, section) => {
      const own = sentences.filter(sentence => sentence[0] === section);
      return own.length === 0 ? null : [make("h3", {}, heading), make(section === 0 ? "ol" : "ul", {}, own.map(([, sentence, where, run]) => make("li", {},
        run === null ? sentence : make("button", { type: "button", class: "answer", onclick: () => go({ run: runs[run].replay }) }, sentence),
        where ? make("small", {}, ` ${where}`) : null)))];
    }).flat())));
  at("closing").hidden = data.advice.length === 0;

  const look_for = id => { show_all(); wanted.q = id; changed(); at("matrix").scrollIntoView(); };
  at("contradicting").append(...data.contradictions.map(it => make("article", { class: "contradiction" },
    it.id ? make("h3", {}, it.id) : null,
    make("div", { class: "sides" }, it.says.map(says => make("p", {}, says))),
    it.treatment ? make("p", {}, it.treatment) : null,
    make("ul", {}, it.clauses.map(([clause, seen]) => make("li", {},
      make("button", { type: "button", class: "answer", onclick: () => look_for(clause) }, make("code", {}, clause)), make("span", { class: "says" }, ` ${seen}`))),
      it.traits.filter(trait => asked.has(trait)).map(trait => make("li", {}, "trait ", make("a", { href: `#trait-${trait}` }, make("code", {}, trait))))))));
  at("contradictions").hidden = data.contradictions.length === 0;

  // --- The panel ---
  const looks = ["call", "wire", "blocked", "bad", "note", "fold"];
  function timeline(run, decisive) {
    const list = make("ol", { class: "timeline" });
    list.append(make("li", { class: "lanes" }, make("span", {}, "#"),
      make("span", {}, strings[run.subject], make("small", {}, `subject, ${roles[run.role]}`)),
      make("span", {}, "wire", make("small", {}, run.decrypted ? "decrypted" : "partly unreadable")),
      make("span", {}, strings[run.partner], make("small", {}, `partner, ${roles[1 - run.role]}`))));
    let line = -1;
    for (const [number, of, look, lane, arrow, title, detail, label, times, events] of run.items) {
      if (of !== line) {
        const first = line === -1;
        line = of;
        const words = line > 0 && line <= run.script.length ? `${String(line).padStart(2)} | ${strings[run.script[line - 1]]}` : first ? "   | (before the script)" : "   | (after the script)";
        list.append(make("li", { class: "script" }, words));
      }
      const decides = decisive.includes(number) && looks[look] !== "fold";
      const element = make("li", { class: `item look-${looks[look]} lane-${lane} arrow-${arrow}${decides ? " decides" : ""}` },
        make("span", { class: "number" }, looks[look] === "fold" ? "" : strings[label], decides ? make("small", {}, "decides") : null));
      const small = strings[detail] ? make("span", { class: "detail" }, strings[detail]) : null;
      if (looks[look] === "wire") {
        element.append(make("div", { class: "flow" }, hidden(lane === 0 ? "subject to partner: " : "partner to subject: "),
          make("b", {}, strings[title]), make("span", { class: "arrow", "aria-hidden": "true" }, make("i")), small));
      } else if (looks[look] === "fold") {
        element.append(make("div", { class: "box" }, strings[title] === "again" ? `the last ${plural(events, "step")} ${times === 1 ? "once" : `${times} times`} more` : `${strings[title]}: ${plural(events, "event")} as usual`));
      } else {
        element.append(make("div", { class: "box" }, lane < 2 ? hidden(lane === 0 ? "subject: " : "partner: ") : null, make("b", {}, strings[title]), small));
      }
      list.append(element);
    }
    return list;
  }

  async function copy(text, button) {
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      const area = make("textarea", { class: "hidden-text" }, text);
      at("panel").append(area);
      area.select();
      document.execCommand("copy");
      area.remove();
    }
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = "Copy"; }, 1500);
  }
  function story(index, decisive, evidence) {
    const run = runs[index], command = `tlsbye replay ${run.replay}${data.more_words}`;
    const button = make("button", { type: "button", class: "copy", onclick: () => copy(command, button) }, "Copy");
    const parts = [];
    if (run.items) {
      parts.push(make("p", {}, `${strings[run.subject]} as ${roles[run.role]}, TLS ${run.tls}, ${run.io}, with ${strings[run.partner]}`, run.schedule ? `, faults: ${run.schedule}` : ""));
      parts.push(timeline(run, decisive));
    } else if (evidence) {
      parts.push(make("pre", { class: "evidence" }, evidence.map(line => strings[line]).join("\n")));
    }
    return [make("h3", {}, "The run that decided: ", make("code", {}, run.replay.split(":")[0])), ...parts,
      make("h3", {}, "See it again"), make("div", { class: "command" }, make("code", {}, command), button),
      make("h3", {}, "See it in Wireshark"), make("div", { class: "command" }, make("code", {}, `captures/${run.file}.pcapng`))];
  }

  let opener = null;
  const bar = (where, before, after) => make("div", { class: "panel-bar" }, make("span", { class: "where" }, where),
    before || after ? [
      make("button", { type: "button", id: "before", "aria-label": "The cell before", disabled: !before, onclick: () => go({ cell: before.id }) }, "\u2039"),
      make("button", { type: "button", id: "after", "aria-label": "The cell after", disabled: !after, onclick: () => go({ cell: after.id }) }, "\u203a")] : null,
    make("button", { type: "button", id: "close", "aria-label": "Close", onclick: () => go({}) }, "\u2715"));
  const neighbour = (cell, step) => { const place = shown.indexOf(cell); return place < 0 ? null : shown[place + step] || null; };

  function tell_cell(cell) {
    const clause = cell.clause, contradictions = data.contradictions.filter(it => it.clauses.some(([id]) => id === clause.id));
    return [bar(`${cell.stack.id} as ${cell.role}, TLS ${cell.tls}`, neighbour(cell, -1), neighbour(cell, 1)),
      make("h2", { id: "panel-title" }, clause.id),
      make("p", {}, make("span", { class: `verdict v-${cell.verdict.word}` }, make("span", { class: "mark", "aria-hidden": "true" }, cell.verdict.mark), cell.verdict.word),
        make("span", { class: `strength ${clause.strength}` }, clause.strength)),
      cell.says ? make("p", { class: "seen" }, cell.says) : null,
      cell.stack.library.builds.length > 1 ? make("p", { class: "versions" }, across(cell).text) : null,
      cell.reason ? make("p", {}, `${cell.verdict.word}, ${cell.reason} (it was: ${verdicts[cell.was].word})`) : null,
      make("div", { class: "statement" }, clause.says ? make("p", {}, clause.says) : null,
        make("ul", {}, [...clause.cites, clause.ref.length ? `catalogue: ${clause.ref.join(", ")}` : null, clause.test ? `tested by: ${clause.test}` : null,
          ...contradictions.map(it => `contradiction${it.id ? ` ${it.id}` : ""}: ${it.says.join(" / ")}`)]
          .filter(Boolean).map(line => make("li", {}, line)))),
      make("div", { class: "others", role: "group", "aria-label": "The same clause elsewhere" }, clause.cells.filter(it => is_visible(it.stack) || place_of(it) === place_of(cell)).map(it => make("button",
        { type: "button", "aria-current": it === cell ? "true" : undefined, onclick: () => go({ cell: it.id }) }, mark(it.verdict), hidden(it.verdict.word), `${it.stack.library.builds.length > 1 ? it.stack.id : it.stack.name} ${it.role} ${it.tls}`))),
      cell.run === null ? null : story(cell.run, cell.decisive, cell.evidence)];
  }
  function open(children) {
    const panel = at("panel"), fresh = panel.hidden;
    if (fresh) opener = document.activeElement;
    panel.replaceChildren(...children.flat().filter(Boolean));
    panel.hidden = false;
    panel.scrollTop = 0;
    document.body.classList.add("open");
    const held = document.activeElement;
    if (fresh || !held || !panel.contains(held)) panel.focus();
  }
  function close() {
    if (at("panel").hidden) return;
    at("panel").hidden = true;
    document.body.classList.remove("open");
    const back = current && current.button && current.button.getClientRects().length ? current.button : opener;
    if (back && back.focus) back.focus();
  }

  // --- The address says what is shown ---
  const open_now = { cell: null, run: null };
  function address() {
    const words = new URLSearchParams();
    for (const name of ["q", ...selects]) if (wanted[name]) words.set(name, wanted[name]);
    for (const name of ["verdict", "stack"]) if (wanted[name].size) words.set(name, [...wanted[name]].join(","));
    if (wanted.differ) words.set("differ", wanted.differ);
    for (const name of ["cell", "run"]) if (open_now[name]) words.set(name, open_now[name]);
    return "#" + words.toString().replaceAll("%2F", "/").replaceAll("%3A", ":").replaceAll("%40", "@").replaceAll("%2C", ",");
  }
  function changed() {
    filter();
    history.replaceState(null, "", address());
  }
  function go(where) {
    Object.assign(open_now, { cell: null, run: null }, where);
    history.pushState(null, "", address());
    draw();
  }
  function draw() {
    for (const element of document.querySelectorAll('.cell[aria-current="true"]')) element.removeAttribute("aria-current");
    const cell = cell_of.get(open_now.cell), run = run_of.get(open_now.run);
    if (cell && !is_visible(cell.stack)) {
      cell.stack.library.open = true;
      draw_matrix();
      filter();
    }
    if (cell) {
      cell.button.setAttribute("aria-current", "true");
      reachable(cell);
      open(tell_cell(cell));
    } else if (run !== undefined) {
      open([bar(runs[run].replay.split(":").slice(1, 5).join(" ")), make("h2", { id: "panel-title" }, "A run"), story(run, [])]);
    } else {
      close();
    }
  }
  function follow() {
    const words = new URLSearchParams(location.hash.slice(1));
    if (location.hash.length > 1 && !location.hash.includes("=")) return;  // a part of the page
    for (const name of ["q", ...selects]) wanted[name] = words.get(name) || "";
    for (const id of selects) if (![...at(id).options].some(option => option.value === wanted[id])) wanted[id] = "";
    wanted.verdict = new Set((words.get("verdict") || "").split(",").filter(word => chips.has(word)));
    wanted.stack = new Set((words.get("stack") || "").split(",").map(word => word.split(" ")[0]).filter(word => library_chips.has(word)));
    wanted.differ = words.get("differ") || "";
    Object.assign(open_now, { cell: words.get("cell"), run: words.get("run") });
    filter();
    draw();
    const cell = cell_of.get(open_now.cell);
    if (cell) cell.button.scrollIntoView({ block: "center", behavior: "instant" });
  }
  window.addEventListener("hashchange", follow);
  window.addEventListener("popstate", follow);
  document.addEventListener("keydown", event => {
    const typing = /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName);
    if (event.key === "Escape" && !at("panel").hidden) go({});
    else if (typing || event.ctrlKey || event.altKey || event.metaKey) return;
    else if (event.key === "/") { event.preventDefault(); at("search").focus(); }
    else if ((event.key === "[" || event.key === "]") && !at("panel").hidden) {
      const button = at(event.key === "[" ? "before" : "after");
      if (button && !button.disabled) button.click();
    }
  });
  // Paper has nothing to open.
  const folds = [...document.querySelectorAll("details")];
  window.addEventListener("beforeprint", () => { for (const fold of folds) { fold.dataset.open = fold.open; fold.open = true; } });
  window.addEventListener("afterprint", () => { for (const fold of folds) fold.open = fold.dataset.open === "true"; });
  draw_matrix();
  filter();
  follow();
})();
