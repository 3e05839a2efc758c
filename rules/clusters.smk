# Jobs on other machines. Needs: all rules. Makes: nothing of its own; what rules say is what their programs need.
if ON_CLUSTER:
    leave_room_beside(workflow.rules)
