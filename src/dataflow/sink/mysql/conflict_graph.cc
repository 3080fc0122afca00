#include "dataflow/sink/mysql/conflict_graph.h"

namespace cdc {

void ConflictGraph::Depend(Node* node, Node* predecessor) {
  if (predecessor == node) return;
  // All edges to a node are added in one go, so a second one to it would be the last.
  if (!predecessor->followers.empty() && predecessor->followers.back() == node) return;
  predecessor->followers.push_back(node);
  ++node->waiting_for;
}

void ConflictGraph::AddToIndex(Node* node, const ConflictKey& key) {
  Index& index = indexes_[key.index_hash];
  if (index.last_writer == node) return;
  if (index.last_writer != nullptr) Depend(node, index.last_writer);
  if (!key.whole_index) {
    index.readers_since.insert(node);
    return;
  }
  for (Node* reader : index.readers_since) Depend(node, reader);
  index.readers_since.clear();
  index.last_writer = node;
}

bool ConflictGraph::Add(Node* node) {
  for (const ConflictKey& key : node->keys) {
    if (key.index_hash != 0) AddToIndex(node, key);
    if (key.whole_index) continue;
    const auto [entry, first] = last_.try_emplace(key.hash, node);
    if (first) continue;
    Depend(node, entry->second);
    entry->second = node;
  }
  return node->waiting_for == 0;
}

void ConflictGraph::RemoveFromIndex(Node* node, uint64_t index_hash) {
  const auto found = indexes_.find(index_hash);
  if (found == indexes_.end()) return;
  Index& index = found->second;
  index.readers_since.erase(node);
  if (index.last_writer == node) index.last_writer = nullptr;
  if (index.last_writer == nullptr && index.readers_since.empty()) indexes_.erase(found);
}

void ConflictGraph::Finish(Node* node, std::vector<Node*>* ready) {
  for (const ConflictKey& key : node->keys) {
    if (key.index_hash != 0) RemoveFromIndex(node, key.index_hash);
    if (key.whole_index) continue;
    const auto found = last_.find(key.hash);
    if (found != last_.end() && found->second == node) last_.erase(found);
  }
  for (Node* follower : node->followers)
    if (--follower->waiting_for == 0 && !follower->taken) ready->push_back(follower);
  node->followers.clear();
}

}  // namespace cdc
