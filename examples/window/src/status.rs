//! What the window shows, as text: for tests that steer a page, whose canvas the browser cannot look into.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use eframe::egui::accesskit::{Node, NodeId, Role};
use eframe::egui::{Context, FullOutput, Plugin};
use serde_json::{Value, json};

use crate::lock::lock;

/// What was shown last: facts of the app, and the controls with their places.
#[derive(Clone, Default)]
pub struct Status(Arc<Mutex<Shown>>);

#[derive(Default)]
struct Shown {
    facts: Value,
    /// What egui told AccessKit.
    nodes: Vec<(NodeId, Node)>,
}

impl Status {
    /// Follows egui from the next frame on.
    pub fn follow(context: &Context) -> Self {
        let status = Status::default();
        context.enable_accesskit();
        context.add_plugin(Follower(status.clone()));
        status
    }

    /// Replaces the facts.
    pub fn set(&self, facts: Value) {
        lock(&self.0).facts = facts;
    }

    /// All as JSON: the facts, and `controls`, each with `role`, `name`, `value`, `enabled`, and `rect`: its left and top, its
    /// width and height, in points of the window, which are CSS pixels in a page. What is scrolled out of sight has a place too.
    pub fn text(&self) -> String {
        let shown = lock(&self.0);
        let labels = shown.nodes.iter().filter(|(_, node)| node.role() == Role::Label);
        let labels = labels.filter_map(|(id, node)| Some((*id, node.value()?))).collect();
        let mut all = shown.facts.clone();
        all["controls"] = shown.nodes.iter().filter_map(|(_, node)| control(node, &labels)).collect();
        all.to_string()
    }
}

/// Takes what egui tells AccessKit.
struct Follower(Status);

impl Plugin for Follower {
    fn debug_name(&self) -> &'static str {
        "status"
    }

    fn output_hook(&mut self, _: &Context, output: &mut FullOutput) {
        // A page has no other use for it.
        if let Some(update) = output.platform_output.accesskit_update.take() {
            lock(&self.0.0).nodes = update.nodes;
        }
    }
}

/// A node with a name of its own, or a label's, or a value; `None` for what only holds others, and for the lines of a text.
fn control(node: &Node, labels: &HashMap<NodeId, &str>) -> Option<Value> {
    let label = || node.labelled_by().iter().find_map(|id| labels.get(id).copied());
    let name = node.label().or_else(label);
    let number = || node.numeric_value().map(|value| json!(value));
    let value = node.value().map(|value| json!(value)).or_else(number);
    if matches!(node.role(), Role::Window | Role::TextRun) || name.is_none() && value.is_none() {
        return None;
    }
    let bounds = node.bounds()?;
    Some(json!({
        "role": format!("{:?}", node.role()),
        "name": name,
        "value": value,
        "enabled": !node.is_disabled(),
        "rect": [bounds.x0, bounds.y0, bounds.width(), bounds.height()],
    }))
}
